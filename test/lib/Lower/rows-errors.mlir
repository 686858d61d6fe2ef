// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-lower-to-program

// Rows of the step and rows taken from it have one type and are read by number: an op that reads both is an error.

// Two of both, in either order.
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects operand 1 to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %y = arith.mulf %x, %z : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects operand 2 to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  %y = math.fma %z, %z, %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// The sum that a linear would take into its epilogue.
tok.weight @w : tensor<64x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %l = tok.linear %z, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-error @+1 {{expects operand 1 to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %y = arith.addf %x, %l : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Norms have the rows of what they norm.
tok.weight @n : tensor<64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %n = tok.norm %z, @n rms eps = 1.0e-5 : tensor<?x64xf32>
  // expected-error @+1 {{expects operand 1 to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %y = arith.addf %x, %n : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// A number that is spread over other rows.
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  %t = tensor.dim %x, %c0 : tensor<?x64xf32>
  %s = tensor.splat %two[%t] : tensor<?x64xf32>
  // expected-error @+1 {{expects operand 1 to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  %y = arith.mulf %z, %s : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects its up to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  %y = tok.gated %z, %x silu : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

!rows = !tok.rows<pos, seq>
tok.weight @h : tensor<32x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !rows {tok.slot = "rows"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x1x32xf32> {tok.slot = "r"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %q = tok.linear %z, @h : tensor<?x64xf32> -> tensor<?x1x32xf32>
  // expected-error @+1 {{expects its input to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %y = tok.rope %q, %rows adjacent base = 1.0e4 dims = 32 : tensor<?x1x32xf32>, !rows
  return %y : tensor<?x1x32xf32>
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
tok.weight @h : tensor<32x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !rows {tok.slot = "rows"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %k: tensor<?x1x32xf32> {tok.slot = "k"}, %kv: !kv {tok.slot = "kv"})
    -> (!kv {tok.slot = "kv"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %q = tok.linear %z, @h : tensor<?x64xf32> -> tensor<?x1x32xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects its key to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %kv1 = tok.append %kv[%l], %rows, %q, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
tok.weight @h : tensor<32x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !rows {tok.slot = "rows"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %k: tensor<?x1x32xf32> {tok.slot = "k"}, %kv: !kv {tok.slot = "kv"})
    -> (!kv {tok.slot = "kv"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %q = tok.linear %z, @h : tensor<?x64xf32> -> tensor<?x1x32xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects its value to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %kv1 = tok.append %kv[%l], %rows, %k, %q : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

// A rotation that the append would do.
!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
tok.weight @h : tensor<32x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !rows {tok.slot = "rows"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %k: tensor<?x1x32xf32> {tok.slot = "k"}, %kv: !kv {tok.slot = "kv"})
    -> (!kv {tok.slot = "kv"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %q = tok.linear %z, @h : tensor<?x64xf32> -> tensor<?x1x32xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects its input to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %r = tok.rope %q, %rows adjacent base = 1.0e4 dims = 32 : tensor<?x1x32xf32>, !rows
  %kv1 = tok.append %kv[%l], %rows, %r, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
tok.weight @h : tensor<32x64xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !rows {tok.slot = "rows"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %k: tensor<?x1x32xf32> {tok.slot = "k"}, %kv: !kv {tok.slot = "kv"})
    -> (tensor<?x1x32xf32> {tok.slot = "r"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %q = tok.linear %z, @h : tensor<?x64xf32> -> tensor<?x1x32xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects its query to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x1x32xf32>, !kv, !rows -> tensor<?x1x32xf32>
  return %a : tensor<?x1x32xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %p: tensor<?x4xf32> {tok.slot = "sampling"}, %s: tensor<?x2xi64> {tok.slot = "seeds"})
    -> (tensor<?xi32> {tok.slot = "tokens"}) {
  // expected-error @+1 {{expects its logits to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  %t = tok.sample %x, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %p: tensor<?x4xf32> {tok.slot = "frontier"}, %s: tensor<?x2xi64> {tok.slot = "seeds"})
    -> (tensor<?xi32> {tok.slot = "tokens"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects its params to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %p: tensor<?x4xf32> {tok.slot = "sampling"}, %s: tensor<?x2xi64> {tok.slot = "x"})
    -> (tensor<?xi32> {tok.slot = "tokens"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects its seeds to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

// -----

// No argument, so no buffer.
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %s: tensor<?x2xi64> {tok.slot = "seeds"})
    -> (tensor<?xi32> {tok.slot = "tokens"}) {
  %n = arith.constant 1 : index
  %c = arith.constant 0.0 : f32
  %p = tensor.splat %c[%n] : tensor<?x4xf32>
  // expected-error @+1 {{expects its params and seeds to be arguments of the entry}}
  %t = tok.sample %x, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

// -----

// The results.
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  // expected-error @+1 {{expects the result of slot 'logits' to have the rows that slot 'out' asks for, but it has the rows of the step; take them from it with tok.take}}
  return %x : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "frontier"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects the result of slot 'frontier' to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  return %z : tensor<?x64xf32>
}

// -----

// Rows taken from rows that were taken; and numbers that are no rows.
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects its input to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %y = tok.take %z, %out : tensor<?x64xf32>, tensor<?xi32>
  return %y : tensor<?x64xf32>
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  // expected-error @+1 {{expects its indices to be the entry's argument of slot 'out'}}
  %z = tok.take %x, %ids : tensor<?x64xf32>, tensor<?xi32>
  return %z : tensor<?x64xf32>
}

// -----

!rows = !tok.rows<pos, seq>
func.func private @layer(%x: tensor<?x64xf32>, %rows: !rows, %l: index) -> tensor<?x64xf32> attributes {tok.kind} {
  return %x : tensor<?x64xf32>
}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %rows: !rows {tok.slot = "rows"}, %n: index {tok.slot = "full_rows"}, %f: tensor<?x64xf32> {tok.slot = "frontier"}, %x: tensor<?x64xf32> {tok.slot = "x"})
    -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  // expected-error @+1 {{expects its input to have the rows of the step, but it has the rows that slot 'out' asks for; use what the rows were taken from}}
  %y, %g = tok.stack %z, %rows frontier(%f) rows(%n, %n, %n) [@layer for 0] : tensor<?x64xf32>, !rows
  return %y : tensor<?x64xf32>
}

// -----

// Rows of one number meet, those of the step and those that ask; where nothing is asked for, all are.
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %p: tensor<?x4xf32> {tok.slot = "sampling"}, %s: tensor<?x2xi64> {tok.slot = "seeds"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}, tensor<?xi32> {tok.slot = "tokens"}, tensor<?x64xf32> {tok.slot = "frontier"}) {
  %a = arith.addf %x, %x : tensor<?x64xf32>
  %z = tok.take %a, %out : tensor<?x64xf32>, tensor<?xi32>
  %y = arith.mulf %z, %z : tensor<?x64xf32>
  %t = tok.sample %y, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %y, %t, %a : tensor<?x64xf32>, tensor<?xi32>, tensor<?x64xf32>
}
func.func @all(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}, %p: tensor<?x4xf32> {tok.slot = "sampling"}, %s: tensor<?x2xi64> {tok.slot = "seeds"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}, tensor<?xi32> {tok.slot = "tokens"}) {
  %t = tok.sample %x, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %x, %t : tensor<?x64xf32>, tensor<?xi32>
}
