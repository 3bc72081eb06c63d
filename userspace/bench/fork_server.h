/* SPDX-License-Identifier: MIT */
/* What fork_server.cpp and the object that it preloads, fork_server.c, agree on. */
#pragma once

/*
 * Of the server: each message is answered with a pid, or with an errno that is negative. The first
 * answer, a 0, comes unasked. As low as can be: a clone copies the table up to the highest one.
 */
enum { fork_server_socket = 3 };
