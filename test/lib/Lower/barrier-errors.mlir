// RUN: tokopt-opt %s --verify-diagnostics --tok-insert-barriers

func.func @step() {
  // expected-error @+1 {{has no place yet; run tok-plan-buffers first}}
  %x = tok.buffer : memref<?x64xf32>
  return
}
