// RUN: split-file %s %t
// RUN: not tokopt-sim %t/no-kernel.mlir 2>&1 | FileCheck %s --check-prefix=NO-KERNEL
// RUN: not tokopt-sim %t/broken-text.mlir 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not tokopt-sim %t/unknown-instruction.mlir 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not tokopt-sim %t/not-modelled.mlir 2>&1 | FileCheck %s --check-prefix=MODEL
// RUN: not tokopt-sim %t/too-new.mlir 2>&1 | FileCheck %s --check-prefix=NEW
// RUN: not tokopt-sim %t/no-case.mlir 2>&1 | FileCheck %s --check-prefix=CASE
// RUN: not tokopt-sim %t/no-buffer.mlir 2>&1 | FileCheck %s --check-prefix=BUFFER
// RUN: not tokopt-sim %t/no-reference.mlir 2>&1 | FileCheck %s --check-prefix=REFERENCE
// RUN: not tokopt-sim %t/too-much-shared.mlir 2>&1 | FileCheck %s --check-prefix=SHARED
// RUN: not tokopt-sim %t/absent.mlir 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not tokopt-sim %t/no-case.mlir --target=sm_10 2>&1 | FileCheck %s --check-prefix=TARGET

// NO-KERNEL: no-kernel.mlir: there is no kernel: expected a func.func with 'tok.launch'
//--- no-kernel.mlir
func.func @f() {
  return
}

// TEXT: broken-text.mlir:1:14: error: expected non-function type
// TEXT: broken-text.mlir: the file cannot be read
//--- broken-text.mlir
func.func @f( {

// UNKNOWN: unknown-instruction.mlir:3: generating code for sm_80: 'llvm.nvvm.rcp.approx.ftz.f' is not in the table of instructions that kernels use
//--- unknown-instruction.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xf32>, fill = "zero"}}) attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {}} {
  %x = llvm.load %y : !llvm.ptr<1> -> f32
  %z = nvvm.rcp.approx.ftz.f %x : f32
  llvm.store %z, %y : f32, !llvm.ptr<1>
  return
}

// MODEL: not-modelled.mlir:4: error: no simulation for 'llvm.nvvm.redux.sync.add'
//--- not-modelled.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xi32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  %x = llvm.load %y : !llvm.ptr<1> -> i32
  %all = arith.constant -1 : i32
  %z = nvvm.redux.sync add %x, %all : i32 -> i32
  llvm.store %z, %y : i32, !llvm.ptr<1>
  return
}

// NEW: too-new.mlir:2: generating code for sm_80: 'llvm.nvvm.wgmma.fence.sync.aligned' needs sm_90a
//--- too-new.mlir
func.func @f() attributes {tok.launch = {threads = 128, shared = 0}, tok.sim = {}} {
  nvvm.wgmma.fence.aligned
  return
}

// CASE: no-case.mlir:1:{{.*}} error: expects 'tok.sim' to say what the kernel is run with
// CASE: kernel 'f' cannot be run
// TARGET: has no architecture 'sm_10'; expected sm_80 or sm_90a
//--- no-case.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}} {
  return
}

// BUFFER: no-buffer.mlir:1:{{.*}} error: argument number 0: expects 'buffer' to be a tensor type of static shape and numbers
//--- no-buffer.mlir
func.func @f(%x: !llvm.ptr<1> {tok.sim = {buffer = tensor<?xf32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

// REFERENCE: no-reference.mlir:1:1: error: expects 'reference' to name a func.func with a body, but there is no 'g'
//--- no-reference.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}

// SHARED: kernel f asks for 200000 bytes of shared memory, but a block on sm_80 has at most 166912
//--- too-much-shared.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 200000}, tok.sim = {}} {
  return
}

// ABSENT: absent.mlir: the file cannot be read
