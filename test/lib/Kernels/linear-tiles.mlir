// RUN: tokopt-opt %s --split-input-file --tok-program-pipeline --tok-kernel-pipeline=target=avx512amx | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni | FileCheck %s --check-prefix=VNNI
// RUN: tokopt-opt %s --split-input-file --tok-program-pipeline --tok-choose-kernels="target=avx512amx print" -o /dev/null 2>&1 | FileCheck %s --check-prefix=CHOICE

// Rows that fill tiles are multiplied by them, a bias or not; the level below has none.

// CHOICE-COUNT-2: linear {compute = "i8"{{.*}} whole 16 rows are multiplied by matrix tiles
// CHECK-LABEL: func.func @step(
// CHECK: llvm.x86.tdpbsud.internal
// VNNI-NOT: llvm.x86.tdpbsud.internal
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
tok.weight @bias : tensor<96xf32> = source "m.gguf" at [5760]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x96xf32> {tok.slot = "frontier"})
    -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %y = tok.linear %x, @w bias @bias compute = <i8, block = 32> : tensor<?x96xf32> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// -----

// Tiles multiply bytes: not what is computed in f32.

// CHOICE: linear {compute = "f32"
// CHOICE-NOT: matrix tiles
// CHECK-LABEL: func.func @step(
// CHECK-NOT: llvm.x86.tdpbsud.internal
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x96xf32> {tok.slot = "frontier"})
    -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %y = tok.linear %x, @w : tensor<?x96xf32> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
