// One line for each error, exit status 1; of bad usage 2.
// RUN: split-file %s %t
// DEFINE: %{status} = 1
// DEFINE: %{arguments} =
// DEFINE: %{fails} = sh -c 'tokopt-sim %{arguments} > %t.out; test $? = %{status}' 2> %t.err && count 1 < %t.err && FileCheck %s --input-file=%t.err
// REDEFINE: %{arguments} = %t/no-kernel.mlir
// RUN: %{fails} --check-prefix=NO-KERNEL
// REDEFINE: %{arguments} = %t/broken-text.mlir
// RUN: %{fails} --check-prefix=TEXT
// REDEFINE: %{arguments} = %t/unknown-instruction.mlir
// RUN: %{fails} --check-prefix=UNKNOWN
// REDEFINE: %{arguments} = %t/too-new.mlir
// RUN: %{fails} --check-prefix=NEW
// REDEFINE: %{arguments} = %t/no-case.mlir
// RUN: %{fails} --check-prefix=CASE
// REDEFINE: %{arguments} = %t/no-buffer.mlir
// RUN: %{fails} --check-prefix=BUFFER
// REDEFINE: %{arguments} = %t/no-reference.mlir
// RUN: %{fails} --check-prefix=REFERENCE
// REDEFINE: %{arguments} = %t/too-much-shared.mlir
// RUN: %{fails} --check-prefix=SHARED
// REDEFINE: %{arguments} = %t/absent.mlir
// RUN: %{fails} --check-prefix=ABSENT
// A report of the simulator is no error of the program.
// RUN: not tokopt-sim %t/not-modelled.mlir 2>&1 | FileCheck %s --check-prefix=MODEL
// REDEFINE: %{status} = 2
// REDEFINE: %{arguments} = %t/no-case.mlir --target=sm_10
// RUN: %{fails} --check-prefix=TARGET
// REDEFINE: %{arguments} =
// RUN: %{fails} --check-prefix=NOTHING
// NOTHING: tokopt-sim: error: Not enough positional command line arguments specified!; Must specify at least 1 positional argument
// REDEFINE: %{arguments} = %t/no-case.mlir --seed=x
// RUN: %{fails} --check-prefix=SEED
// SEED: tokopt-sim: for the --seed option: 'x' value invalid for uint argument!
// REDEFINE: %{arguments} = %t/no-case.mlir --check=race
// RUN: %{fails} --check-prefix=CHECKS
// CHECKS: tokopt-sim: error: expects --check to be all, but got 'race': there are no single ones
// REDEFINE: %{arguments} = %t/no-case.mlir --no-such-option
// RUN: %{fails} --check-prefix=OPTION
// OPTION: tokopt-sim: error: Unknown command line argument '--no-such-option'.

// NO-KERNEL: tokopt-sim: error: {{.*}}no-kernel.mlir: found no kernel, expected a func.func with 'tok.launch'
//--- no-kernel.mlir
func.func @f() {
  return
}

// TEXT: broken-text.mlir: cannot be read as a module of kernels: line 1, column 14: expected non-function type
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

// CASE: no-case.mlir: kernel 'f' cannot be run: line 1, column 1: expects 'tok.sim' to say what the kernel is run with
// TARGET: tokopt-sim: error: --target: found 'sm_10', expected sm_80 or sm_90a
//--- no-case.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}} {
  return
}

// BUFFER: no-buffer.mlir: kernel 'f' cannot be run: line 1, column 1: argument number 0: expects 'buffer' to be a tensor type of static shape and numbers
//--- no-buffer.mlir
func.func @f(%x: !llvm.ptr<1> {tok.sim = {buffer = tensor<?xf32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

// REFERENCE: no-reference.mlir: kernel 'f' cannot be run: line 1, column 1: expects 'reference' to name a func.func with a body, but there is no 'g'
//--- no-reference.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}

// SHARED: kernel f asks for 200000 bytes of shared memory, but a block on sm_80 has at most 166912
//--- too-much-shared.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 200000}, tok.sim = {}} {
  return
}

// ABSENT: absent.mlir: cannot be read: No such file or directory; give the path of an MLIR file
