//===- AttentionState.h - What a row knows of its slots so far --*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A state is, for each query head of a row: the maximum m of the scores s_j of
// some slots, the sum l of exp(s_j - m), and the accumulator, the sum of
// exp(s_j - m) v_j. A row has one of its segment and one of all segments before
// (`RowScratch`). `row` is a row's scratch throughout.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_ATTENTIONSTATE_H
#define TOKOPT_KERNELS_CPU_ATTENTIONSTATE_H

#include "lib/Kernels/Cpu/AttentionKernel.h"

namespace tokopt::cpu {

/// Bytes of a segment's state in shared memory, of `heads` heads.
int64_t stateBytes(int64_t heads, int64_t valueSize);

/// Makes the state of no slots.
void clearState(AttentionKernel &kernel, Val row, bool isTotal);

/// Adds the segment's state to that of all segments.
void mergeSegment(AttentionKernel &kernel, Val row);

/// Copies the segment's state to its place in shared memory, or back.
void saveSegment(AttentionKernel &kernel, Val row, Val shared);
void loadSegment(AttentionKernel &kernel, Val row, Val shared);

/// Writes what the state of all segments gives: the output of `number`, a row
/// of the step, for key/value head `g`, and lse where it is asked for.
void storeResult(AttentionKernel &kernel, Val row, Val number, Val g);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ATTENTIONSTATE_H
