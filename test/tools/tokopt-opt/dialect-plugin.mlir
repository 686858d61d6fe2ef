// A plugin brings a dialect, which stands beside ours.
// RUN: tokopt-opt %s --load-dialect-plugin=%plugins/libTokPluginDialect.so --verify-roundtrip | FileCheck %s
// RUN: tokopt-opt --load-dialect-plugin=%plugins/libTokPluginDialect.so --show-dialects | FileCheck %s --check-prefix=LISTED
// RUN: not tokopt-opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT
// RUN: not tokopt-opt %s --load-dialect-plugin=%t.none 2>&1 | FileCheck %s --check-prefix=NONE

// LISTED: Available Dialects: {{.*}}plugged
// WITHOUT: dialect-plugin.mlir:[[#@LINE+9]]:3: error: {{.*}}plugged
// NONE: Failed to load dialect plugin from '{{.*}}.none'. Request ignored.

// CHECK: tok.weight @w
// CHECK: func.func @f
// CHECK: plugged.note
tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]

func.func @f() {
  plugged.note
  return
}
