//===- ControlGroup.cpp - What the control group allows -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ControlGroup.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

using namespace tokrt;

uint32_t tokrt::quotaCpus(const char *text) {
  // "QUOTA PERIOD" in microseconds, or "max PERIOD".
  char *end;
  unsigned long quota = strtoul(text, &end, 10);
  unsigned long period = strtoul(end, nullptr, 10);
  if (end == text || quota == 0 || period == 0)
    return UINT32_MAX;
  unsigned long cpus = quota / period + (quota % period != 0);
  return cpus < UINT32_MAX ? static_cast<uint32_t>(cpus) : UINT32_MAX;
}

uint64_t tokrt::quotaMemory(const char *text) {
  // Bytes, or "max".
  char *end;
  errno = 0;
  unsigned long long bytes = strtoull(text, &end, 10);
  return end == text || errno || bytes == 0 ? UINT64_MAX : bytes;
}

/// A small file's text in `text`, which ends with a zero; empty if it cannot be
/// read.
template <size_t size>
static const char *readText(const char *path, char (&text)[size]) {
  text[0] = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return text;
  ssize_t count = read(fd, text, size - 1);
  close(fd);
  text[count > 0 ? count : 0] = 0;
  return text;
}

uint32_t tokrt::controlGroupCpus() {
  char text[64];
  return quotaCpus(readText("/sys/fs/cgroup/cpu.max", text));
}

uint64_t tokrt::controlGroupMemory() {
  char text[64];
  return quotaMemory(readText("/sys/fs/cgroup/memory.max", text));
}
