// SPDX-License-Identifier: MIT
#pragma once

// Marks what the shared library exports; everything else in it is hidden.
#define SPAWNTPL_API __attribute__((visibility("default")))
