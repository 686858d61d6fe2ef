// RUN: tokopt-opt %s --split-input-file --tok-lower-to-program | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-instrument-model | FileCheck %s --check-prefix=MODEL

// Values keep their names through fusion: what a kernel writes is called as the model calls it, and what fusion swallowed
// is not there.

tok.weight @attn_norm : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @attn_q : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @ffn_gate : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @ffn_up : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @"odd name/x" : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]

// MODEL: tok.probes = [
// MODEL-SAME: label = "norm attn_norm", {{[^}]*}} value = "attn_norm"}
// MODEL-SAME: label = "linear attn_q", {{[^}]*}} value = "attn_q"}
// MODEL-SAME: label = "addf attn_q.addf", {{[^}]*}} value = "attn_q.addf"}
// MODEL-SAME: value = "ffn_gate"}
// MODEL-SAME: value = "ffn_up"}
// MODEL-SAME: value = "ffn_up.gated"}
// MODEL-SAME: label = "linear odd name/x", {{[^}]*}} value = "odd_name_x"}
// MODEL-SAME: value = "odd_name_x.2"}
// MODEL-SAME: value = "odd_name_x.2.addf"}
// MODEL-SAME: value = "sum"}]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "sum"}, tensor<?x64xf32> {tok.slot = "frontier"}) {
  // CHECK: tok.kernel "rowwise" {{.*}} weights [@attn_norm]
  // CHECK: names = ["attn_norm"]
  // CHECK: tok.kernel "linear" {{.*}} weights [@attn_q]
  // CHECK: names = ["attn_q.addf"]
  %n = tok.norm %x, @attn_norm rms eps = 1.0e-5 : tensor<?x64xf32>
  %q = tok.linear %n, @attn_q : tensor<?x64xf32> -> tensor<?x64xf32>
  %r = arith.addf %x, %q : tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} weights [@ffn_gate, @ffn_up]
  // CHECK: names = ["ffn_up.gated"]
  %g = tok.linear %r, @ffn_gate : tensor<?x64xf32> -> tensor<?x64xf32>
  %u = tok.linear %r, @ffn_up : tensor<?x64xf32> -> tensor<?x64xf32>
  %h = tok.gated %g, %u silu : tensor<?x64xf32>
  // A name has only letters and digits, and is given once.
  // CHECK: tok.kernel "linear" {{.*}}{names = ["odd_name_x"]
  // CHECK: tok.kernel "linear"
  // CHECK: names = ["odd_name_x.2.addf"]
  %o = tok.linear %h, @"odd name/x" : tensor<?x64xf32> -> tensor<?x64xf32>
  %p = tok.linear %o, @"odd name/x" : tensor<?x64xf32> -> tensor<?x64xf32>
  %s = arith.addf %o, %p : tensor<?x64xf32>
  // What the entry returns is called by its slot. The copy of a value to a second place is not named again.
  // CHECK: tok.kernel "rowwise"
  // CHECK: names = ["sum"]
  // CHECK: tok.kernel "rowwise"
  // CHECK-NOT: names
  // CHECK: return
  %t = arith.mulf %s, %r : tensor<?x64xf32>
  return %t, %t : tensor<?x64xf32>, tensor<?x64xf32>
}
