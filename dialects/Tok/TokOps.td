//===- TokOps.td - All operations of the tok dialect -------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKOPS_TD
#define TOK_TOKOPS_TD

include "dialects/Tok/StructureOps.td"
include "dialects/Tok/WeightOps.td"
include "dialects/Tok/WeightExpressionOps.td"
include "dialects/Tok/RowOps.td"
include "dialects/Tok/CacheOps.td"
include "dialects/Tok/AttentionOps.td"
include "dialects/Tok/SampleOps.td"
include "dialects/Tok/ScheduleOps.td"
include "dialects/Tok/ProgramOps.td"

#endif // TOK_TOKOPS_TD
