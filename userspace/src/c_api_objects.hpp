// SPDX-License-Identifier: MIT
//
// What the pointers of the C ABI point to.
#pragma once

#include <spawntpl/child.hpp>
#include <spawntpl/command.hpp>
#include <spawntpl/spawntpl.h>
#include <spawntpl/template.hpp>

struct spawntpl_command {
    spawntpl::Command value;
};

struct spawntpl_template {
    spawntpl::Template value;
};

struct spawntpl_child {
    spawntpl::Child value;
};
