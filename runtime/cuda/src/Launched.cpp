//===- Launched.cpp - The names of what was launched ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Launched.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

using namespace tokrt::cuda;

void Launched::add(const void *stream, const void *owner, const char *name) {
  // A kernel that is launched again and again is one name.
  uint64_t times = 1;
  size_t old = 0;
  while (old < count &&
         (launches[old].owner != owner || launches[old].stream != stream))
    ++old;
  if (old < count) {
    times += launches[old].times;
  } else if (count == kMost) {
    old = 0;
    dropped += launches[0].times;
  }
  if (old < count) {
    memmove(launches + old, launches + old + 1,
            (count - old - 1) * sizeof *launches);
    --count;
  }
  launches[count++] = {stream, owner, name, times, ++number};
}

template <typename Predicate>
void Launched::forgetIf(Predicate &&matches) {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i)
    if (!matches(launches[i]))
      launches[kept++] = launches[i];
  count = kept;
  if (!count)
    dropped = 0;
}

void Launched::forgetStream(const void *stream, uint64_t upTo) {
  forgetIf([&](const Launch &launch) {
    return launch.stream == stream && launch.last <= upTo;
  });
}

void Launched::forgetOwner(const void *owner) {
  forgetIf([&](const Launch &launch) { return launch.owner == owner; });
}

/// Appends the names that there is place for, once each, and how many launches
/// have none. The last come first into their place: those before are more
/// likely to have ended.
void Launched::append(char *text, size_t bytes) const {
  constexpr size_t kEnd = sizeof " and 18446744073709551615 more launches";
  auto sameName = [&](size_t a, size_t b) {
    return !strcmp(launches[a].name, launches[b].name);
  };
  uint64_t more = dropped;
  size_t left = bytes - strlen(text) - kEnd, shown = count;
  bool isShown[kMost] = {};
  for (size_t i = count; i-- > 0;) {
    // Streams may run the same kernel.
    bool again = false;
    for (size_t j = i + 1; j < count; ++j)
      again |= isShown[j] && sameName(i, j);
    size_t needed = strlen(launches[i].name) + sizeof ", " - 1;
    if (again) {
      --shown;
    } else if (needed <= left) {
      isShown[i] = true;
      left -= needed;
    } else {
      more += launches[i].times;
      --shown;
    }
  }
  const char *between = "";
  auto add = [&](const char *name, size_t most) {
    size_t length = strlen(text);
    snprintf(text + length, bytes - length, "%s%.*s%s", between, int(most),
             name, strlen(name) > most ? "..." : "");
    between = ", ";
  };
  for (size_t i = 0; i < count; ++i)
    if (isShown[i])
      add(launches[i].name, bytes);
  if (count && !shown) {
    // A name that is too long is better than none.
    add(launches[count - 1].name, left - sizeof "...");
    more -= launches[count - 1].times;
  }
  if (more) {
    size_t length = strlen(text);
    snprintf(text + length, bytes - length, " and %" PRIu64 " more launches",
             more);
  }
}

Text<400> Launched::describe() const {
  Text<400> text;
  strcpy(text.data, count == 0               ? "the GPU"
                    : count == 1 && !dropped ? "kernel "
                                             : "one of the kernels ");
  append(text.data, sizeof text.data);
  return text;
}

Text<200> Launched::list() const {
  Text<200> text;
  append(text.data, sizeof text.data);
  return text;
}
