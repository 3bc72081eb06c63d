/* SPDX-License-Identifier: MIT */
/* Starts a program and passes its status on, in C99. */

#include <spawntpl/spawntpl.h>

#include <stdio.h>

int main(void)
{
	struct spawntpl_error error = {.size = sizeof(error)};
	struct spawntpl_status status = {.size = sizeof(status)};
	struct spawntpl_template *program = NULL;
	struct spawntpl_command *command = NULL;
	struct spawntpl_child *child = NULL;
	int result = 1;

	if (spawntpl_template_open("echo", NULL, &program, &error) ||
	    spawntpl_command_new(&command) ||
	    spawntpl_command_arg(command, "consumer") ||
	    spawntpl_template_spawn(program, command, &child, &error) ||
	    spawntpl_child_wait(child, &status, &error))
		fprintf(stderr, "%s\n", error.message);
	else
		result = status.code;

	spawntpl_child_free(child);
	spawntpl_command_free(command);
	spawntpl_template_free(program);
	return result;
}
