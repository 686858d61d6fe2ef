// Kernels of attention, rows and sampling are the same for the level with tiles and the one without, so tests of what they
// compute run one of them. Those of linears are not.
// RUN: split-file %s %t
// RUN: tokopt-opt %t/rows.mlir --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni -o %t/rows.vnni
// RUN: tokopt-opt %t/rows.mlir --tok-program-pipeline --tok-kernel-pipeline=target=avx512amx | cmp %t/rows.vnni -
// RUN: tokopt-opt %t/attention.mlir --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni -o %t/attention.vnni
// RUN: tokopt-opt %t/attention.mlir --tok-program-pipeline --tok-kernel-pipeline=target=avx512amx | cmp %t/attention.vnni -
// RUN: tokopt-opt %t/attention.mlir --tok-quantize-cache=format=i8 --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni -o %t/bytes.vnni
// RUN: tokopt-opt %t/attention.mlir --tok-quantize-cache=format=i8 --tok-program-pipeline --tok-kernel-pipeline=target=avx512amx | cmp %t/bytes.vnni -
// RUN: tokopt-opt %t/sample.mlir --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni -o %t/sample.vnni
// RUN: tokopt-opt %t/sample.mlir --tok-program-pipeline --tok-kernel-pipeline=target=avx512amx | cmp %t/sample.vnni -
// RUN: tokopt-opt %t/linear.mlir --tok-quantize-activations --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni -o %t/linear.vnni
// RUN: tokopt-opt %t/linear.mlir --tok-quantize-activations --tok-program-pipeline --tok-kernel-pipeline=target=avx512amx -o %t/linear.amx
// RUN: not cmp %t/linear.vnni %t/linear.amx

//--- rows.mlir
tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x96xf32> {tok.slot = "frontier"}) -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %n = tok.norm %x, @w rms eps = 1.0e-5 : tensor<?x96xf32>
  %e = math.exp %n : tensor<?x96xf32>
  return %e : tensor<?x96xf32>
}

//--- attention.mlir
!kv = !tok.cache<layers = [0], heads = 1, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 128, context = 4096, vocab = 128>} {
  func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x2x64xf32> {tok.slot = "frontier"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"})
      -> (tensor<?x2x64xf32> {tok.slot = "logits"}) {
    %l = arith.constant 0 : index
    %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x2x64xf32>, !kv, !rows -> tensor<?x2x64xf32>
    return %a : tensor<?x2x64xf32>
  }
}

//--- sample.mlir
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %z: tensor<?x64xf32> {tok.slot = "frontier"}, %p: tensor<?x4xf32> {tok.slot = "sampling"}, %s: tensor<?x2xi64> {tok.slot = "seeds"}) -> (tensor<?xi32> {tok.slot = "tokens"}) {
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

//--- linear.mlir
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x96xf32> {tok.slot = "frontier"}) -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %y = tok.linear %x, @w : tensor<?x96xf32> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
