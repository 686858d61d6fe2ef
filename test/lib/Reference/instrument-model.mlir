// RUN: tokopt-opt %s --split-input-file --tok-instrument-model | FileCheck %s --check-prefixes=CHECK,VALUES
// RUN: tokopt-opt %s --split-input-file --tok-instrument-model=values=false | FileCheck %s --check-prefixes=CHECK,TIME
// RUN: tokopt-opt %s --split-input-file --tok-instrument-model > %t.once
// RUN: tokopt-opt %t.once --split-input-file --tok-instrument-model | diff %t.once -

// Kinds tell their layer, rows that ask for logits are told apart, what nobody reads has no probe.

// VALUES: tok.probes = [
// VALUES-SAME: {columns = 32 : i64, kernel = 0 : i64, label = "gated", rows = "step", type = "f32", value = "gated"},
// VALUES-SAME: {columns = 32 : i64, kernel = 1 : i64, label = "take", rows = "outputs", type = "f32", value = "take"},
// VALUES-SAME: {columns = 32 : i64, kernel = 2 : i64, label = "addf logits", rows = "outputs", type = "f32", value = "logits"}]
// TIME: tok.probes = [{kernel = 0 : i64, label = "gated"}, {kernel = 1 : i64, label = "take"}, {kernel = 2 : i64, label = "addf logits"}]
// CHECK-LABEL: func.func private @layer(
// CHECK-SAME:    %[[L:[^ ]*]]: index)
func.func private @layer(%x: tensor<?x32xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x32xf32> attributes {tok.kind} {
  // CHECK: %[[H:.*]] = tok.gated
  %h = tok.gated %x, %x silu : tensor<?x32xf32>
  // VALUES-NEXT: tok.probe 0 layer(%[[L]]) of(%[[H]] : tensor<?x32xf32>)
  // TIME-NEXT: tok.probe 0 layer(%[[L]]){{$}}
  // CHECK-NEXT: tok.gated
  // CHECK-NEXT: return
  %unused = tok.gated %h, %h silu : tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}
// CHECK-LABEL: func.func @step(
func.func @step(%out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x32xf32> {tok.slot = "frontier"}) -> (tensor<?x32xf32> {tok.slot = "logits"}) {
  // CHECK: %[[Z:.*]] = tok.take
  // VALUES-NEXT: tok.probe 1 of(%[[Z]] : tensor<?x32xf32>)
  // TIME-NEXT: tok.probe 1{{$}}
  // CHECK-NEXT: arith.addf
  // CHECK-NEXT: tok.probe 2
  %z = tok.take %x, %out : tensor<?x32xf32>, tensor<?xi32>
  %y = arith.addf %z, %z : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Nothing is done to a function that is neither kind nor entry.

// CHECK-NOT: tok.probe
// CHECK-LABEL: func.func @helper(
// CHECK-NOT: tok.probe
func.func @helper(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %h = tok.gated %x, %x silu : tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}
