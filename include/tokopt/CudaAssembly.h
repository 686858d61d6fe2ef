//===- CudaAssembly.h - The inline assembly of CUDA kernels -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of a warpgroup are computed while its threads go on, so sums are
// registers that change after the instruction that names them. LLVM knows no
// such value. Here each instruction takes the registers and gives them back
// (operands tied to results): the sums of a product are what the wait behind it
// gives, and no use can move before that. No intrinsic does this, so kernels
// have inline assembly, of these three forms and no others: templates write
// them, the CUDA target checks them, the simulator reads them.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_CUDAASSEMBLY_H
#define TOKOPT_CUDAASSEMBLY_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace tokopt {

/// PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions".
struct CudaAssembly {
  enum class Kind : uint8_t {
    /// wgmma.mma_async m64nNk16, f32 sums of f16 or bf16. Operands: the sums
    /// that are added to, if any; the left matrix, a descriptor (i64) or four
    /// i32; the descriptor of the right one. Results: the sums.
    Multiply,
    /// wgmma.fence: registers that others have written may be used by products.
    Fence,
    /// wgmma.wait_group: of the groups of products, all but the last `pending`
    /// have been computed.
    Wait
  };
  Kind kind;

  // Of a product.
  uint32_t columns = 0;
  bool isBrain = false, leftInRegisters = false;
  /// Whether rows of the left matrix, columns of the right one, and not the
  /// depth, lie side by side.
  bool transposesLeft = false, transposesRight = false;
  bool accumulates = false;

  // Of a fence and a wait: f32 and, behind them, i32 registers that it takes
  // and gives back.
  uint32_t sums = 0, words = 0;
  uint32_t pending = 0;

  /// Sums that a thread has of a product.
  uint32_t productSums() const { return columns / 2; }
  /// The results, all f32 but for the last `words` of them.
  uint32_t results() const {
    return kind == Kind::Multiply ? productSums() : sums + words;
  }
  /// Operands that are sums, the first ones.
  uint32_t sumOperands() const {
    return kind != Kind::Multiply ? sums : accumulates ? productSums() : 0;
  }

  /// Inline assembly as LLVM has it.
  std::string text() const;
  std::string constraints() const;
  /// What a text and constraints stand for, if they are exactly those of one of
  /// the forms.
  static std::optional<CudaAssembly> parse(llvm::StringRef text,
                                           llvm::StringRef constraints);

  bool operator==(const CudaAssembly &) const = default;
};

} // namespace tokopt

#endif // TOKOPT_CUDAASSEMBLY_H
