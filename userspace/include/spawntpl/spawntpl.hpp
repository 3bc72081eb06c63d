// SPDX-License-Identifier: MIT
#pragma once

/// @namespace spawntpl
/// libspawntpl: prepare a program once, start it many times.

#include <spawntpl/attributes.hpp>
#include <spawntpl/backends.hpp>
#include <spawntpl/child.hpp>
#include <spawntpl/command.hpp>
#include <spawntpl/environment.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/exception.hpp>
#include <spawntpl/exit_status.hpp>
#include <spawntpl/fd.hpp>
#include <spawntpl/job.hpp>
#include <spawntpl/redirection.hpp>
#include <spawntpl/resource_usage.hpp>
#include <spawntpl/run.hpp>
#include <spawntpl/signal_set.hpp>
#include <spawntpl/stop_policy.hpp>
#include <spawntpl/supervisor.hpp>
#include <spawntpl/template.hpp>
