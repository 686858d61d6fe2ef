//===- stop_at.c - Stops a program at a system call -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A library for LD_PRELOAD. With STOP_AT=CALL:FOLDER/ the process stops itself
// right before its first `write` to, or `rename` of, a file in that folder. The
// test that started it sees the stop, and so interrupts it there and nowhere
// else, however fast the machine is: once it goes on, this thread makes no call
// before the signal has come, on whatever thread the signal is handled.
//
//===----------------------------------------------------------------------===//

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stop_at(const char *call, const char *path) {
  char here[PATH_MAX + 16];
  const char *wanted = getenv("STOP_AT");
  if (!wanted || !path)
    return;
  snprintf(here, sizeof here, "%s:%s", call, path);
  if (strncmp(here, wanted, strlen(wanted)) != 0)
    return;
  unsetenv("STOP_AT"); // the first one only, and no child of this process
  raise(SIGSTOP);
  pause();
}

ssize_t write(int file, const void *bytes, size_t size) {
  static ssize_t (*next)(int, const void *, size_t);
  if (!next)
    *(void **)&next = dlsym(RTLD_NEXT, "write");
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length > 0) {
    path[length] = 0;
    stop_at("write", path);
  }
  return next(file, bytes, size);
}

int rename(const char *from, const char *to) {
  static int (*next)(const char *, const char *);
  if (!next)
    *(void **)&next = dlsym(RTLD_NEXT, "rename");
  stop_at("rename", from);
  return next(from, to);
}
