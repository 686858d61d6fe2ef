//===- Registry.cpp - The CPU as a target ---------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Cpu/Codecs.h"
#include "lib/Kernels/Cpu/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

// Operations, accesses and latencies are those of the manufacturers' manuals:
// for AVX-512 of Intel's servers from Ice Lake on, for AVX2 of AMD's Zen 3.
// Rates are measured: AVX2 from memory by decode in docs/performance.md (208
// tokens/s of 98.5 MB by two threads at 3.5 GHz, 3 bytes a cycle each), AVX-512
// by a stream of reads (13 GB/s from memory and 139 GB/s from the second cache
// at 3 GHz). Only those of one machine are compared with each other.
static constexpr TargetDescription kMachines[] = {
    {"avx512amx",
     /*vectorBits=*/512,
     /*vectorRegisters=*/32,
     /*hasDotProduct=*/true,
     /*hasTiles=*/true,
     {/*operations=*/2, /*accesses=*/2, /*latency=*/4, /*storeLatency=*/5,
      /*firstCacheBytes=*/48 << 10, /*secondCacheRate=*/46, /*memoryRate=*/4}},
    {"avx512vnni",
     /*vectorBits=*/512,
     /*vectorRegisters=*/32,
     /*hasDotProduct=*/true,
     /*hasTiles=*/false,
     {/*operations=*/2, /*accesses=*/2, /*latency=*/4, /*storeLatency=*/5,
      /*firstCacheBytes=*/48 << 10, /*secondCacheRate=*/46, /*memoryRate=*/4}},
    {"avx2",
     /*vectorBits=*/256,
     /*vectorRegisters=*/16,
     /*hasDotProduct=*/false,
     /*hasTiles=*/false,
     {/*operations=*/2, /*accesses=*/2, /*latency=*/4, /*storeLatency=*/5,
      /*firstCacheBytes=*/32 << 10, /*secondCacheRate=*/32, /*memoryRate=*/3}},
};

namespace {

struct CpuTarget : KernelTarget {
  StringRef getName() const override { return "cpu"; }
  ArrayRef<TargetDescription> getMachines() const override { return kMachines; }
  ArrayRef<const KernelTemplate *> getTemplates() const override {
    static const KernelTemplate *const templates[] = {
        &embedTemplate(),  &anglesTemplate(),    &rowwiseTemplate(),
        &linearTemplate(), &attentionTemplate(), &sampleTemplate()};
    return templates;
  }

  /// A barrier takes as long as the norms of about so many rows.
  int64_t getFewRows() const override { return 4; }
  /// No kernel has been tried with bf16.
  std::optional<int64_t> getPageBytes(tok::CacheType cache) const override {
    if (cache.getKType().isBF16() || cache.getVType().isBF16())
      return std::nullopt;
    return kernels::PageLayout(cache).pageBytes;
  }
  std::optional<int64_t> getRoundedRowBytes(int64_t columns) const override {
    return QuantizedRow(columns).rowBytes();
  }
  std::optional<int64_t> getPackedBytes(RankedTensorType type) const override {
    return kernels::getPackedBytes(type);
  }
  func::FuncOp emitBarrier(ModuleOp module) const override {
    return cpu::emitBarrier(module);
  }
};

} // namespace

const KernelTarget &cpu::target() {
  static const CpuTarget instance;
  return instance;
}
