// RUN: tokopt-opt %s --split-input-file --verify-roundtrip | FileCheck %s

// A probe with each of its parts, and without.

// CHECK: tok.probes = [{columns = 96 : i64, kernel = 0 : i64, label = "linear attn_q", rows = "step", type = "f32", value = "attn_q"}, {kernel = 1 : i64, label = "rowwise cache.k"}]
module attributes {tok.probes = [{kernel = 0 : i64, label = "linear attn_q", value = "attn_q", type = "f32", columns = 96 : i64, rows = "step"},
                                 {kernel = 1 : i64, label = "rowwise cache.k"}]} {
  // CHECK-LABEL: func.func @f(
  // CHECK-SAME:    %[[X:.*]]: memref<?x96xf32>, %[[Y:.*]]: tensor<?x3x32xf32>, %[[N:.*]]: index
  func.func @f(%x: memref<?x96xf32>, %y: tensor<?x3x32xf32>, %n: index) {
    // CHECK: tok.probe 0 rows(%[[N]] to %[[N]]) layer(%[[N]]) of(%[[X]] : memref<?x96xf32>)
    tok.probe 0 rows(%n to %n) layer(%n) of(%x : memref<?x96xf32>)
    // CHECK: tok.probe 0 of(%[[Y]] : tensor<?x3x32xf32>)
    tok.probe 0 of(%y : tensor<?x3x32xf32>)
    // CHECK: tok.probe 1 layer(%[[N]])
    tok.probe 1 layer(%n)
    // CHECK: tok.probe 1{{$}}
    tok.probe 1
    // CHECK: tok.kernel "rowwise" {{.*}} {columns = 96 : i64} {names = ["x-1.a_b"]}
    tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} {names = ["x-1.a_b"]}
    return
  }
}
