// RUN: tokopt-sim %s | FileCheck %s
// Names of kernels are nobody else's, though the simulator and the host have such.

// CHECK: tokopt_sim_entry: clean for sm_80
func.func @tokopt_sim_entry(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @copied}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %a = llvm.load %from : !llvm.ptr<1> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

// CHECK: tokopt_sim_access: clean for sm_80
func.func @tokopt_sim_access(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @copied}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %a = llvm.load %from : !llvm.ptr<1> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

// CHECK: memcpy: clean for sm_80
func.func @memcpy(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @copied}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %a = llvm.load %from : !llvm.ptr<1> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

// CHECK: main: clean for sm_80
func.func @main(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @copied}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %a = llvm.load %from : !llvm.ptr<1> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @copied(%x: memref<32xi32>, %y: memref<32xi32>) {
  affine.for %i = 0 to 32 {
    %a = affine.load %x[%i] : memref<32xi32>
    affine.store %a, %y[%i] : memref<32xi32>
  }
  return
}
