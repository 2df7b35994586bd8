// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// shell.c - see shell.h.
//
// A prompt appears once something was typed, and only when nothing more has come: before that nobody is known to be
// there, and a system whose input is /dev/null prints nothing of this. After a restart it appears at once, if
// somebody is known to be there.
#include "shell.h"
#include <stdbool.h>
#include "clock.h"
#include "shell_commands.h"
#include "console.h"
#include "line.h"
#include "out.h"
#include "persist.h"
#include "string.h"
#include "thread.h"

#define RETRY_NS 100000000u // after a moment's lack of memory, or of a console
#define WORDS_MAX 2         // a command, and the rest

static const struct command {
    const char *name, *help;
    void (*run)(void);
} commands[];

static void command_help(void) {
    for (const struct command *command = commands; command->name; command++)
        out_line("%-10s %s", command->name, command->help);
    further_help();
}

static const struct command commands[] = {
    {"help", "this list", command_help},
    {"domains", "who lives in which domain: key, starts, state, stack, private heap", command_domains},
    {"threads", "what runs and what waits for what", command_threads},
    {"gates", "how often each gate was called", command_gates},
    {"heap", "the shared heap: by owner, and by size", command_heap},
    {"sites", "where the objects in use of the shared heap were allocated", command_sites},
    {"ifconfig", "the network: addresses, frames, connections", command_ifconfig},
    {"faults", "what went wrong lately, and what became of it", command_faults},
    {"uptime", "how long the system runs, and how much of that it idled", command_uptime},
    {"reboot", "end the system and have it started again", command_reboot},
    {"shutdown", "end the system", command_shutdown},
    {0},
};

void shell_execute(char *text) {
    char *words[WORDS_MAX];
    uint32_t count = line_words(text, words, WORDS_MAX);
    if (!count)
        return;
    for (const struct command *command = commands; command->name; command++)
        if (!strcmp(words[0], command->name)) {
            if (count > 1)
                out_line("%s takes no arguments", command->name);
            else
                command->run();
            return;
        }
    if (further_execute(words[0], count > 1 ? words[1] : NULL))
        return;
    out_line("unknown command '%.40s': help lists those that there are", words[0]);
}

// Executes what bytes complete. Returns whether they end with a line.
static bool take(struct line *line, const char *input, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        switch (line_add(line, input[i])) {
        case LINE_COMPLETE: shell_execute(line->text); break;
        case LINE_TOO_LONG: out_line("a line of more than %u characters: ignored", LINE_MAX); break;
        case LINE_MORE: break;
        }
    return line->is_complete;
}

int shell_main(void) {
    static struct line line;
    static char input[1024];
    static PERSISTENT bool has_input;
    if (has_input) {
        out_prompt();
        out_flush();
    }
    for (;;) {
        int got = console_read(input, sizeof(input));
        if (got == -EDOMAINDEAD) // it is usually back at once
            got = console_read(input, sizeof(input));
        if (got == -ENOMEM || got == -ENOSTACK || got == -EDOMAINDEAD) {
            (void)!thread_sleep_until(time_now_ns() + RETRY_NS);
            continue;
        }
        if (got <= 0 || (uint32_t)got > sizeof(input))
            break;
        has_input = true;
        if (take(&line, input, (uint32_t)got))
            out_prompt();
        out_flush();
    }
    if (has_input) {
        has_input = false;
        if (line.is_complete)
            out_prompt_end();
        else
            (void)take(&line, "\n", 1); // the last line lacked it
        out_line("shell: the input has ended; the system goes on");
        out_flush();
    }
    for (;;)
        (void)!thread_sleep_until(DEADLINE_NEVER);
}
