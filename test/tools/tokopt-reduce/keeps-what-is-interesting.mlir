// The interestingness test is a script: interesting (1) while the module still has a tok.gated.
// RUN: printf '#!/bin/sh\ngrep -q "tok.gated" "$1" && exit 1\nexit 0\n' > %t.sh
// RUN: chmod +x %t.sh
// RUN: tokopt-reduce %s --reduction-tree='traversal-mode=0 test=%t.sh' | FileCheck %s

// CHECK-NOT: @unrelated
// CHECK:     func.func @interesting
// CHECK:       tok.gated
func.func @unrelated(%x: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %y = arith.addf %x, %x : tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

func.func @interesting(%g: tensor<?x96xf32>, %u: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %h = tok.gated %g, %u silu : tensor<?x96xf32>
  return %h : tensor<?x96xf32>
}
