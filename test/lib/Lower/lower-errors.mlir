// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-lower-to-program

// What no kernel does is an error at the op, never a wrong program.

// expected-error @+1 {{expects 'tok.slot' on argument number 1}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32>) {
  return
}

// -----

// expected-error @+1 {{expects 'tok.slot' on result number 0}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}) -> tensor<?xi32> {
  return %ids : tensor<?xi32>
}

// -----

// expected-error @+1 {{expects an argument of slot 'ids'}}
func.func @step(%x: tensor<?x64xf32> {tok.slot = "frontier"}) {
  return
}

// -----

// expected-error @+1 {{expects an entry of one block}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}) {
  cf.br ^bb1
^bb1:
  return
}

// -----

// expected-error @+1 {{has no kernel that copies a result of type 'tensor<?xi32>'}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}) -> (tensor<?xi32> {tok.slot = "tokens"}) {
  return %ids : tensor<?xi32>
}

// -----

tok.weight @w : tensor<24xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x2x24xf32> {tok.slot = "x"}) -> (tensor<?x2x24xf32> {tok.slot = "r"}) {
  // expected-error @+1 {{has no kernel for a norm of single heads of 24 elements; expected a multiple of 16}}
  %n = tok.norm %x, @w rms eps = 1.0e-5 : tensor<?x2x24xf32>
  return %n : tensor<?x2x24xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // expected-error @+1 {{has no kernel: a model holds tok ops and elementwise ops on rows}}
  %n = tensor.cast %x : tensor<?x64xf32> to tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "x"}) -> (tensor<?x64xi1> {tok.slot = "r"}) {
  // expected-error @+1 {{has no kernel for values other than f32, but got 'tensor<?x64xi1>'}}
  %n = arith.cmpf olt, %x, %x : tensor<?x64xf32>
  return %n : tensor<?x64xi1>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !tok.rows<pos, seq> {tok.slot = "rows"},
                %x: tensor<?x64xf32> {tok.slot = "x"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // expected-error @+1 {{has no kernel for rows that go on with their columns}}
  %n, %taken = tok.take %x, %out, %rows : tensor<?x64xf32>, tensor<?xi32>, !tok.rows<pos, seq>
  return %n : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %z: tensor<?x64xf32> {tok.slot = "x"}, %p: tensor<?x4xf32> {tok.slot = "sampling"}, %s: tensor<?x2xi64> {tok.slot = "seeds"}) {
  // expected-error @+1 {{expects its tokens to be what the entry returns}}
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  %x = tok.take %z, %t : tensor<?x64xf32>, tensor<?xi32>
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x2x32xf32> {tok.slot = "x"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"}, %m: tensor<?x2x64xf32> {tok.slot = "m"})
    -> (tensor<?x2x32xf32> {tok.slot = "r"}, tensor<?x2x64xf32> {tok.slot = "s"}) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{has no kernel for key_mass: it grows with the slots of a sequence, and a buffer of the step has one row for each of the step's; the reference backend computes it}}
  %a, %mass = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x2x64xf32>) : tensor<?x2x32xf32>, !kv, !rows -> tensor<?x2x32xf32> key_mass tensor<?x2x64xf32>
  return %a, %mass : tensor<?x2x32xf32>, tensor<?x2x64xf32>
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x2x32xf32> {tok.slot = "x"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"}, %l: index {tok.slot = "rows"})
    -> (tensor<?x2x32xf32> {tok.slot = "r"}, tensor<?x2x64xf32> {tok.slot = "s"}) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{has no kernel for window_probs}}
  %a, %probs = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 slots(%l) : tensor<?x2x32xf32>, !kv, !rows -> tensor<?x2x32xf32> window_probs tensor<?x2x64xf32>
  return %a, %probs : tensor<?x2x32xf32>, tensor<?x2x64xf32>
}

// -----

!kv = !tok.cache<layers = [1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
// expected-error @+1 {{has no kernel for a cache with layers other than all from 0 on}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = pre_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
// expected-error @+1 {{has no kernel for a cache with keys before rotation}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 4, residual = 0, tables = shared, columns = [pos], digests = []>
// expected-error @+1 {{has no kernel for a cache with a window}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 64, tables = shared, columns = [pos], digests = []>
// expected-error @+1 {{has no kernel for a cache with a residual}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = head, columns = [pos], digests = []>
// expected-error @+1 {{has no kernel for a cache with tables of single heads}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = [mean]>
// expected-error @+1 {{has no kernel for a cache with digests}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}

// -----

!rows = !tok.rows<pos, seq>
func.func private @layer(%x: tensor<?x64xf32>, %rows: !rows, %l: index) -> tensor<?x64xf32> attributes {tok.kind} {
  return %x : tensor<?x64xf32>
}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"}, %n: index {tok.slot = "full_rows"}, %x: tensor<?x64xf32> {tok.slot = "x"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // expected-error @+1 {{expects its frontier to be the entry's argument of slot 'frontier'}}
  %y, %f = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@layer for 0] : tensor<?x64xf32>, !rows
  return %y : tensor<?x64xf32>
}

// -----

!rows = !tok.rows<pos, seq>
// expected-error @+1 {{expects a kind of one block}}
func.func private @layer(%x: tensor<?x64xf32>, %rows: !rows, %l: index) -> tensor<?x64xf32> attributes {tok.kind} {
  cf.br ^bb1
^bb1:
  return %x : tensor<?x64xf32>
}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"}, %n: index {tok.slot = "full_rows"}, %x: tensor<?x64xf32> {tok.slot = "x"}, %f: tensor<?x64xf32> {tok.slot = "frontier"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %y, %g = tok.stack %x, %rows frontier(%f) rows(%n, %n, %n) [@layer for 0] : tensor<?x64xf32>, !rows
  return %y : tensor<?x64xf32>
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x2x32xf32> {tok.slot = "x"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"})
    -> (tensor<?x2x32xf32> {tok.slot = "r"}) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the module to have 'tok.model'}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x2x32xf32>, !kv, !rows -> tensor<?x2x32xf32>
  return %a : tensor<?x2x32xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "x"}, %f: f32 {tok.slot = "y"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  // expected-error @+1 {{has no kernel: only a constant is spread}}
  %s = tensor.splat %f[%n] : tensor<?x64xf32>
  %y = arith.mulf %x, %s : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<4x64xf32> {tok.slot = "x"}) -> (tensor<4x64xf32> {tok.slot = "r"}) {
  %c = arith.constant dense<2.0> : tensor<4x64xf32>
  // expected-error @+1 {{has no kernel for constants alone}}
  %y = arith.mulf %c, %c : tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "x"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // expected-error @+1 {{has no kernel: expects to stand in the region of a tok.weight, which the bundler computes}}
  %q = tok.quantize %x -> tensor<?x64x!tok.q8_0>
  %y = tok.dequantize %q : tensor<?x64x!tok.q8_0>
  return %y : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "x"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %c0 = arith.constant 0 : index
  %c = arith.constant 2.0 : f32
  // expected-error @+1 {{has no kernel: only tensor.splat asks for the number of rows}}
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %m = arith.addi %n, %n : index
  %s = tensor.splat %c[%m] : tensor<?x64xf32>
  %y = arith.mulf %x, %s : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// expected-error @+1 {{expects logits of a static width, but got 'memref<?x?xf32>'}}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x?xf32> {tok.slot = "x"}) -> (tensor<?x?xf32> {tok.slot = "logits"}) {
  return %x : tensor<?x?xf32>
}

// -----

tok.weight @w : tensor<64x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "x"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %c0 = arith.constant 0 : index
  %c = arith.constant 2.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  // expected-error @+1 {{has no kernel: only elementwise ops read a constant}}
  %s = tensor.splat %c[%n] : tensor<?x64xf32>
  %y = tok.linear %s, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
