// RUN: split-file %s %t
// RUN: tokopt-kernels %t/shared.mlir --target=sm_90a --emit=report | FileCheck %s --check-prefix=SHARED
// RUN: not tokopt-kernels %t/unknown.mlir --target=sm_90a --emit=report 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not tokopt-kernels %t/odd.mlir --target=sm_90a --emit=ptx 2>&1 | FileCheck %s --check-prefix=ODD
// RUN: not tokopt-kernels %t/shared.mlir --target=sm_80 --emit=ptx 2>&1 | FileCheck %s --check-prefix=SM80
// REQUIRES: ptxas
// Registers that warpgroups hand to each other: 65536 are 168 for each of 384 threads to begin with. ptxas ignores them where it
// cannot tell that number, and says so in a note only; here that is an error.

// SHARED: share: {{.*}} 384 threads, 168 registers (1 blocks fit)
// UNKNOWN: error: {{.*}}ptxas gave up an optimization: {{.*}}(C75{{.*}}'setmaxnreg' ignored
// ODD: line 2, column 3: 'nvvm.setmaxregister' op new register size must be multiple of 8
// SM80: 'llvm.nvvm.setmaxnreg.dec.sync.aligned.u32' needs sm_90a

//--- shared.mlir
func.func @share(%y: !llvm.ptr<1>) attributes {tok.launch = {threads = 384, shared = 0, blocks = 1}} {
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi ult, %thread, %c128 : i32
  scf.if %isFirst {
    nvvm.setmaxregister decrease 24
  } else {
    nvvm.setmaxregister increase 240
    llvm.store %thread, %y : i32, !llvm.ptr<1>
  }
  return
}

//--- unknown.mlir
func.func @ignore(%y: !llvm.ptr<1>) attributes {tok.launch = {threads = 384, shared = 0}} {
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi ult, %thread, %c128 : i32
  scf.if %isFirst {
    nvvm.setmaxregister decrease 24
  } else {
    nvvm.setmaxregister increase 240
    llvm.store %thread, %y : i32, !llvm.ptr<1>
  }
  return
}

//--- odd.mlir
func.func @odd() attributes {tok.launch = {threads = 128, shared = 0, blocks = 1}} {
  nvvm.setmaxregister decrease 28
  return
}
