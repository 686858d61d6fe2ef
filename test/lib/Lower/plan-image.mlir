// RUN: tokopt-opt %s --tok-plan-image | FileCheck %s
// RUN: tokopt-opt %s --tok-plan-image --tok-plan-image | FileCheck %s

// A step walks the image from front to back: what is no family first, then layer by layer, in a layer in the order of
// the ops. Sizes are those of packed panels of 16 rows: 576x576 in q4_1 are 36 panels of 18 blocks of 320 bytes.

// CHECK: tok.weight @embd : tensor<20x64x!tok.q8_0> = source "m.gguf" at [7] image [0]
tok.weight @embd : tensor<20x64x!tok.q8_0> = source "m.gguf" at [7]
// 2 panels of 2 blocks of 544 bytes are 2176.
// CHECK: tok.weight @norm layers = [0, 2] : tensor<72xf32> = source "m.gguf" at [0, 1] image [2560, 417600]
tok.weight @norm layers = [0, 2] : tensor<72xf32> = source "m.gguf" at [0, 1]
// CHECK: tok.weight @q layers = [0-2] : tensor<576x576x!tok.q4_1> = source "m.gguf" at [0, 1, 2] image [2880, 210240, 417920]
tok.weight @q layers = [0-2] : tensor<576x576x!tok.q4_1> = source "m.gguf" at [0, 1, 2]
// CHECK: tok.weight @output_norm : tensor<96xf32> = source "m.gguf" at [0] image [2176]
tok.weight @output_norm : tensor<96xf32> = source "m.gguf" at [0]

// A weight takes the room of what it yields, and one that only an expression reads takes none: 2 panels of 2 blocks
// of 544 bytes lie behind the last layer's.
// CHECK: tok.weight @scale layers = [0-2] : tensor<64xf32> = source "m.gguf" at [0, 1, 2]{{$}}
tok.weight @scale layers = [0-2] : tensor<64xf32> = source "m.gguf" at [0, 1, 2]
// CHECK: tok.weight @computed layers = [2] : tensor<20x64x!tok.q8_0> = source "m.gguf" at [7] : tensor<20x64xf16> with @scale image [625280] {
tok.weight @computed layers = [2] : tensor<20x64x!tok.q8_0> = source "m.gguf" at [7] : tensor<20x64xf16> with @scale {
^bb0(%w: tensor<20x64xf16>, %s: tensor<64xf32>):
  %d = tok.dequantize %w : tensor<20x64xf16>
  %e = tok.scale_columns %d, %s : tensor<20x64xf32>
  %q = tok.quantize %e -> tensor<20x64x!tok.q8_0>
  tok.yield %q : tensor<20x64x!tok.q8_0>
}
