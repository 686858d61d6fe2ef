//===- Registration.cpp - Passes of the reference backend -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Reference.h"

#include "Passes.h"

void tokopt::registerReferencePasses() { reference::registerReferencePasses(); }
