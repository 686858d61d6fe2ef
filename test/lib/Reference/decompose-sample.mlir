// RUN: tokopt-opt %s --tok-decompose | FileCheck %s

// The largest logit always; the rest only at a temperature.
// CHECK-LABEL: func.func @sample(
// CHECK-SAME:    %[[Z:.*]]: tensor<?x64xf32>, %[[P:.*]]: tensor<?x4xf32>, %[[S:.*]]: tensor<?x2xi64>)
// CHECK:         scf.for %[[O:.*]] = {{.*}} iter_args(%[[TOKENS:.*]] =
// CHECK:           tensor.extract_slice %[[Z]][%[[O]], 0] [1, 64]
// CHECK:           %[[BEST:.*]]:2 = scf.for
// CHECK:             arith.cmpf ogt
// CHECK:           %[[T:.*]] = tensor.extract %[[P]][%[[O]], %{{.*}}]
// CHECK:           %[[HOT:.*]] = arith.cmpf ogt, %[[T]]
// CHECK:           %[[TOKEN:.*]] = scf.if %[[HOT]] -> (i32) {
// CHECK:             math.exp
// CHECK:             tensor.extract %[[S]]
// CHECK:           } else {
// CHECK-NEXT:        scf.yield %[[BEST]]#0 : i32
// CHECK:           tensor.insert %[[TOKEN]] into %[[TOKENS]][%[[O]]]
func.func @sample(%z: tensor<?x64xf32>, %p: tensor<?x4xf32>, %s: tensor<?x2xi64>) -> tensor<?xi32> {
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}
