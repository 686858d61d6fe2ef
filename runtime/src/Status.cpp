//===- Status.cpp - Names of the public enumerations ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/tokrt.h"

const char *tokrt_status_string(tokrt_status_t status) {
  switch (status) {
  case TOKRT_OK:
    return "ok";
  case TOKRT_INVALID_ARGUMENT:
    return "invalid argument";
  case TOKRT_IO:
    return "input/output error";
  case TOKRT_INVALID_FILE:
    return "invalid file";
  case TOKRT_UNSUPPORTED:
    return "unsupported";
  case TOKRT_OUT_OF_MEMORY:
    return "out of memory";
  case TOKRT_EXHAUSTED:
    return "exhausted";
  case TOKRT_DEVICE_ERROR:
    return "device error";
  case TOKRT_DEVICE_LOST:
    return "device lost";
  case TOKRT_STATUS_MAX_ENUM:
    break;
  }
  return "unknown status";
}

const char *tokrt_finish_string(tokrt_finish_t finish) {
  switch (finish) {
  case TOKRT_FINISH_NONE:
    return "none";
  case TOKRT_FINISH_STOP:
    return "stop";
  case TOKRT_FINISH_LENGTH:
    return "length";
  case TOKRT_FINISH_CONTEXT:
    return "context";
  case TOKRT_FINISH_CACHE:
    return "cache";
  case TOKRT_FINISH_CANCEL:
    return "cancel";
  case TOKRT_FINISH_MAX_ENUM:
    break;
  }
  return "unknown reason";
}
