//===- BundleFuzzer.cpp - Any bytes, offered as a bundle ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads the input and makes an engine of it. Built without the digest's check;
// the code in the input never runs.
//
//===----------------------------------------------------------------------===//

#include "tokrt/tokrt.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const int fd = memfd_create("bundle", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, data, size, 0) != static_cast<ssize_t>(size))
    abort();
  tokrt_model_t *model = nullptr;
  tokrt_error_t error{};
  tokrt_status_t status =
      tokrt_model_load(path.c_str(), nullptr, &model, &error);
  if (status != TOKRT_OK) {
    // A message is one line that begins with the file.
    if (strncmp(error.message, path.c_str(), path.size()) != 0 ||
        strchr(error.message, '\n'))
      abort();
    return 0;
  }
  // The name of a value is a part of names of files.
  for (size_t i = 0; i < tokrt_model_probe_count(model); ++i) {
    tokrt_probe_t probe;
    tokrt_model_probe(model, i, &probe);
    if (probe.value && (!*probe.value || strchr(probe.value, '/')))
      abort();
  }
  tokrt_engine_params_t params;
  tokrt_engine_params_init(&params);
  params.threads = 1;
  tokrt_engine_t *engine = nullptr;
  if (tokrt_engine_create(model, &params, &engine, &error) == TOKRT_OK)
    tokrt_engine_destroy(engine);
  tokrt_model_destroy(model);
  return 0;
}
