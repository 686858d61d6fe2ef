// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

// A kind gets the weights, and a place for its result.
// CHECK-LABEL: func.func private @decoder(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>, %{{.*}}: index, %{{.*}}: tensor<?xi8>, %[[INTO:.*]]: tensor<?x8xf32>)
// CHECK:         %[[Y:.*]] = tensor.insert_slice %[[X]] into %[[INTO]][0, 0]
// CHECK:         return %[[Y]]
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index)
    -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}

// One loop whatever the depth; rows enter before and leave after it.
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[POS:.*]]: tensor<?xi32>, %[[SEQ:.*]]: tensor<?xi32>, %[[N:.*]]: index, %[[LO:.*]]: index, %[[HI:.*]]: index, %[[F:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<?xi8> {tok.slot = "weights"})
// CHECK:         tensor.extract_slice %[[F]][%[[N]], 0]
// CHECK:         %[[START:.*]] = tensor.insert_slice {{.*}} into %[[X]][%[[N]], 0]
// CHECK:         %[[OUT:.*]] = scf.for %[[L:.*]] = {{.*}} iter_args(%[[XL:.*]] = %[[START]])
// CHECK:           %[[COUNT:.*]] = arith.select %{{.*}}, %{{.*}}, %[[N]]
// CHECK-NOT:       scf.index_switch
// CHECK:           func.call @decoder(%{{.*}}, %{{.*}}, %{{.*}}, %[[L]], %[[W]], %{{.*}})
// CHECK:           tensor.insert_slice %{{.*}} into %[[XL]]
// CHECK:         tensor.extract_slice %[[OUT]][%[[N]], 0]
// CHECK:         tensor.insert_slice %{{.*}} into %[[F]][%[[N]], 0]
// CHECK:         return %[[OUT]]
func.func @step(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index, %lo: index,
                %hi: index, %f: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y, %g = tok.stack %x, %rows frontier(%f) rows(%n, %lo, %hi) [@decoder for 0-31]
      : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

func.func private @local(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index)
    -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}
func.func private @global(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index)
    -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @two_kinds(
// CHECK:         scf.for
// CHECK-DAG:       arith.constant dense<[0, 1, 3, 2]> : tensor<4xi64>
// CHECK-DAG:       arith.constant dense<[0, 0, 0, 1]> : tensor<4xi64>
// CHECK:           scf.index_switch
// CHECK:           case 0 {
// CHECK:             func.call @local(
// CHECK:           default {
// CHECK:             func.call @global(
func.func @two_kinds(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index, %lo: index,
                     %hi: index, %f: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y, %g = tok.stack %x, %rows frontier(%f) rows(%n, %lo, %hi)
      [@local for 0-1, @local for 3, @global for 2] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}
