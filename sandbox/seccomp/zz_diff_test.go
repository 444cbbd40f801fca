package seccomp
import ("testing";"encoding/json";"encoding/binary";"os";"os/exec";"fmt";"math/rand/v2";"golang.org/x/sys/unix"; specs "github.com/opencontainers/runtime-spec/specs-go")
func interp2(filter []unix.SockFilter,c call)(uint32,int){
	data:=c.bytes(); var a,x uint32; var m [16]uint32; _=x
	n:=0
	for pc:=0;;pc++{ i:=filter[pc]; n++
		h:=false
		switch i.Code{
		case 0x20: a=binary.NativeEndian.Uint32(data[i.K:]); continue
		case 0x54: a&=i.K; continue
		case 0x05: pc+=int(i.K); continue
		case 0x06: return i.K,n
		case 0x15: h=a==i.K
		case 0x25: h=a>i.K
		case 0x35: h=a>=i.K
		case 0x02: m[i.K]=a; continue
		case 0x60: a=m[i.K]; continue
		default: panic(fmt.Sprintf("%#x",i.Code))
		}
		if h {pc+=int(i.Jt)} else {pc+=int(i.Jf)}
	}
}
func TestDiff(t *testing.T){
	var files []string
	var ps []*specs.LinuxSeccomp
	N:=300
	for s:=0;s<N;s++{
		r:=rand.New(rand.NewPCG(uint64(s),7))
		p:=randomProfile(r)
		if s==0 { p=dockerProfile(t) } else {
		// one non default action for conditionals
		conds:=map[string]bool{}
		act,er:=randomAction(r)
		var out []specs.LinuxSyscall
		for _,c:=range p.Syscalls { for i:=range c.Args { if uint32(c.Args[i].Value)==0 {c.Args[i].Value|=1} }; if len(c.Args)>0 { c.Action,c.ErrnoRet=act,er; }
			_=conds; var nn []string; for _,m:=range c.Names { a,b:=multiplexed(m); if a==0&&b==0&&m!="uprobe"&&m!="ipc"&&m!="socketcall" {nn=append(nn,m)} }; c.Names=nn; out=append(out,c) }
		p.Syscalls=out; var ar []specs.Arch; for _,a:=range p.Architectures { if a!=specs.ArchMIPS&&a!=specs.ArchARM {ar=append(ar,a)} }; p.Architectures=ar
		}
		b,_:=json.Marshal(p); f:=fmt.Sprintf("/tmp/diff/%d.json",s); os.WriteFile(f,b,0o644); files=append(files,f); ps=append(ps,p)
	}
	o,err:=exec.Command("python3",append([]string{"/tmp/diff/lib.py"},files...)...).CombinedOutput()
	fmt.Println(string(o),err)
	kinds:=map[string]int{}
	for s,p:=range ps {
		b,err:=os.ReadFile(fmt.Sprintf("/tmp/diff/%d.bpf",s)); if err!=nil{continue}
		var lib []unix.SockFilter
		for ;len(b)>=8;b=b[8:]{ lib=append(lib,unix.SockFilter{Code:binary.NativeEndian.Uint16(b),Jt:b[2],Jf:b[3],K:binary.NativeEndian.Uint32(b[4:])}) }
		if len(lib)==0 {continue}
		mine,_:=Compile(p)
		r:=rand.New(rand.NewPCG(uint64(s),9))
		var n1,n2,cnt int
		for _,a:=range []uint32{unix.AUDIT_ARCH_X86_64,unix.AUDIT_ARCH_I386}{
			for n:=uint32(0);n<448;n++{ if n==335 {continue}
			for k:=0;k<5;k++{
				c:=call{number:n,arch:a,args:randomArgs(r)}
				if a==unix.AUDIT_ARCH_I386 { for i:=range c.args {c.args[i]&=0xffffffff} }
				x,s1:=interp2(lib,c); y,s2:=interp2(mine,c); n1+=s1;n2+=s2;cnt++
				if x==y {continue}
				if x==0&&y==0x80000000 {kinds["badarch"]++;continue}
				if y==enosys {kinds["enosys"]++;continue}
				if a==unix.AUDIT_ARCH_I386 && (n==102||n==117) {kinds["mux"]++; continue}
				kinds["other"]++
				if kinds["other"]<20 { fmt.Printf("profile %d %+v lib %#x mine %#x\n",s,c,x,y)
				 for _,sc:=range p.Syscalls { for _,nm:=range sc.Names { if uint32(lookup(nm)[map[bool]int{true:1}[a==unix.AUDIT_ARCH_I386]])==n { fmt.Println("   ",nm,sc.Action,sc.ErrnoRet,sc.Args) } } } }
			} }
		}
		if s<5 {fmt.Println(s,"len",len(lib),len(mine),"steps",float64(n1)/float64(cnt),float64(n2)/float64(cnt))}
	}
	fmt.Println(kinds)
}
