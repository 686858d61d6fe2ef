// RUN: tokopt-opt %s --tok-quantize-activations | FileCheck %s
// RUN: tokopt-opt %s --tok-quantize-activations=format=i8 | FileCheck %s
// RUN: tokopt-opt %s --tok-quantize-activations=format=f32 | FileCheck %s --check-prefix=WHOLE
// RUN: tokopt-opt %s --tok-quantize-activations --remarks-filter=tok-quantize-activations 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK
// RUN: tokopt-opt %s --tok-quantize-activations=format=f32 --remarks-filter=tok-quantize-activations 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=NEUTRAL
// RUN: not tokopt-opt %s --tok-quantize-activations=format=i4 2>&1 | FileCheck %s --check-prefix=BAD

// Running it again changes nothing.
// RUN: tokopt-opt %s --tok-quantize-activations > %t.once
// RUN: tokopt-opt %t.once --tok-quantize-activations | diff %t.once -

// BAD: error: tok-quantize-activations: expects format = i8 or f32, but got 'i4'

tok.weight @q4_1 : tensor<64x96x!tok.q4_1> = source "m.gguf" at [0]
tok.weight @q6_k layers = [0-1] : tensor<64x256x!tok.q6_k> = source "m.gguf" at [0, 1]
tok.weight @f16 : tensor<64x96xf16> = source "m.gguf" at [0]
tok.weight @f32 : tensor<64x40xf32> = source "m.gguf" at [0]
tok.weight @bias : tensor<64xf32> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @rounds_block_formats
// WHOLE-LABEL: func.func @rounds_block_formats
func.func @rounds_block_formats(%x: tensor<?x96xf32>, %y: tensor<?x256xf32>) {
  %l = arith.constant 0 : index
  // CHECK: tok.linear %{{.*}}, @q4_1 bias @bias compute = <i8, block = 32>
  // WHOLE: tok.linear %{{.*}}, @q4_1 bias @bias : tensor
  // REMARK: [[#@LINE+2]]:8: remark: [Passed] QuantizeActivations | Category:tok-quantize-activations{{.*}}Remark="rounded the inputs"
  // NEUTRAL: [[#@LINE+1]]:8: remark: [Missed] QuantizeActivations | Category:tok-quantize-activations{{.*}}Remark="the inputs are whole already"
  %0 = tok.linear %x, @q4_1 bias @bias : tensor<?x96xf32> -> tensor<?x64xf32>
  // CHECK: tok.linear %{{.*}}, @q6_k[%{{.*}}] compute = <i8, block = 32>
  // WHOLE: tok.linear %{{.*}}, @q6_k[%{{.*}}] : tensor
  %1 = tok.linear %y, @q6_k[%l] : tensor<?x256xf32> -> tensor<?x64xf32>
  return
}

// The neutral value takes away what another run has done.
// CHECK-LABEL: func.func @already_rounded
// WHOLE-LABEL: func.func @already_rounded
func.func @already_rounded(%x: tensor<?x96xf32>) {
  // CHECK: tok.linear %{{.*}}, @q4_1 compute = <i8, block = 32>
  // WHOLE: tok.linear %{{.*}}, @q4_1 : tensor
  // REMARK: [[#@LINE+2]]:8: remark: [Missed] QuantizeActivations | Category:tok-quantize-activations{{.*}}Remark="the inputs are rounded already"
  // NEUTRAL: [[#@LINE+1]]:8: remark: [Passed] QuantizeActivations | Category:tok-quantize-activations{{.*}}Remark="took the rounding of the inputs away"
  %0 = tok.linear %x, @q4_1 compute = <i8, block = 32> : tensor<?x96xf32> -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func.func @leaves_float_weights
func.func @leaves_float_weights(%x: tensor<?x96xf32>, %y: tensor<?x40xf32>) {
  // CHECK-NOT: compute
  // REMARK: [[#@LINE+1]]:8: remark: [Missed] QuantizeActivations | Category:tok-quantize-activations{{.*}}Remark="the weight is not in a block format"
  %0 = tok.linear %x, @f16 : tensor<?x96xf32> -> tensor<?x64xf32>
  %1 = tok.linear %y, @f32 : tensor<?x40xf32> -> tensor<?x64xf32>
  return
}
