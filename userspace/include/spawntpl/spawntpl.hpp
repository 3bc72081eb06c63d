// SPDX-License-Identifier: MIT
#pragma once

/// libspawntpl: prepare a program once, start it many times.

#include <spawntpl/backends.hpp>
#include <spawntpl/child.hpp>
#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/exit_status.hpp>
#include <spawntpl/signal_set.hpp>
#include <spawntpl/template.hpp>
