// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

// Where values of the same rows must meet, a run ends if they have not.

// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME:    %[[X:.*]]: tensor<?x96xf32>, %[[Y:.*]]: tensor<?x96xf32>, %[[Z:.*]]: tensor<?x96xf32>)
// CHECK:         %[[C:.*]] = tensor.dim %[[X]], %{{.*}}
// CHECK:         %[[D:.*]] = tensor.dim %[[Y]], %{{.*}}
// CHECK:         %[[SAME:.*]] = arith.cmpi eq, %[[C]], %[[D]]
// CHECK:         cf.assert %[[SAME]], "math.fma: the operands have not the same rows"
// CHECK:         %[[E:.*]] = tensor.dim %[[Z]], %{{.*}}
// CHECK:         %[[SAME1:.*]] = arith.cmpi eq, %{{.*}}, %[[E]]
// CHECK:         cf.assert %[[SAME1]], "math.fma: the operands have not the same rows"
// CHECK:         math.fma %[[X]], %[[Y]], %[[Z]]
func.func @elementwise(%x: tensor<?x96xf32>, %y: tensor<?x96xf32>, %z: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %s = math.fma %x, %y, %z : tensor<?x96xf32>
  return %s : tensor<?x96xf32>
}

// One value, one operand, numbers and rows that the type counts need no question.
// CHECK-LABEL: func.func @alone(
// CHECK-NOT:     cf.assert
// CHECK:         return
func.func @alone(%x: tensor<?x96xf32>, %y: tensor<3x96xf32>, %z: tensor<3x96xf32>, %a: f32) -> (tensor<?x96xf32>, tensor<3x96xf32>, f32) {
  %s = arith.addf %x, %x : tensor<?x96xf32>
  %e = math.exp %s : tensor<?x96xf32>
  %t = arith.addf %y, %z : tensor<3x96xf32>
  %b = arith.addf %a, %a : f32
  return %e, %t, %b : tensor<?x96xf32>, tensor<3x96xf32>, f32
}

// CHECK-LABEL: func.func @gated(
// CHECK:         cf.assert %{{.*}}, "tok.gated: the gate has not the rows of the up"
// CHECK:         linalg.generic
func.func @gated(%g: tensor<?x160xf32>, %u: tensor<?x160xf32>) -> tensor<?x160xf32> {
  %h = tok.gated %g, %u silu : tensor<?x160xf32>
  return %h : tensor<?x160xf32>
}

// CHECK-LABEL: func.func @sample(
// CHECK-SAME:    %[[Z:.*]]: tensor<?x64xf32>, %[[P:.*]]: tensor<?x4xf32>, %[[S:.*]]: tensor<?x2xi64>)
// CHECK:         tensor.dim %[[P]], %{{.*}}
// CHECK:         cf.assert %{{.*}}, "tok.sample: the params or the seeds have not the rows of the logits"
// CHECK:         tensor.dim %[[S]], %{{.*}}
// CHECK:         cf.assert %{{.*}}, "tok.sample: the params or the seeds have not the rows of the logits"
// CHECK:         scf.for
func.func @sample(%z: tensor<?x64xf32>, %p: tensor<?x4xf32>, %s: tensor<?x2xi64>) -> tensor<?xi32> {
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[X:.*]]: tensor<?x16xf32> {tok.slot = "frontier"}, %[[LOGITS:.*]]: tensor<?x16xf32> {tok.slot = "logits"})
// CHECK:         tensor.dim %[[X]], %{{.*}}
// CHECK:         tensor.dim %[[LOGITS]], %{{.*}}
// CHECK:         cf.assert %{{.*}}, "func.return: a result has not the rows of its slot"
func.func @step(%x: tensor<?x16xf32> {tok.slot = "frontier"}) -> (tensor<?x16xf32> {tok.slot = "logits"}) {
  return %x : tensor<?x16xf32>
}
