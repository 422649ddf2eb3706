/* options.c - the command line against a table of options.
 *
 * `--name VALUE`, `--name=VALUE`, flags, words, `--` before words that begin with a dash; `-` alone
 * is a word (standard input). An option given twice is an error, except a list: a second value that
 * silently wins hides a mistake in a script.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"

enum { OPTION_MAX = 64 };

static const rsi_option common_options[] = {
    {.name = "threads",
     .value = RSI_COUNT,
     .argument = "N",
     .offset = offsetof(rsi_common, threads),
     .min = 1,
     .max = 256,
     .help = "use N threads; by default one for each processor"},
    {.name = "memory",
     .value = RSI_SIZE,
     .argument = "SIZE",
     .offset = offsetof(rsi_common, memory_bytes),
     .min = RSI_MEMORY_MIN,
     .help = "stay within SIZE of memory (512M, 4G), 64M or more; by default half of what is free"},
    {.name = "progress",
     .value = RSI_CHOICE,
     .argument = "auto|line|json|none",
     .offset = offsetof(rsi_common, progress),
     .help = "how to tell on standard error where the work is; by default a line where that is a "
             "terminal and the work takes over a second"},
    {.name = "quiet",
     .value = RSI_FLAG,
     .offset = offsetof(rsi_common, quiet),
     .help = "no progress and no notes, only results and errors"},
    {.name = "help",
     .value = RSI_FLAG,
     .offset = offsetof(rsi_common, help),
     .help = "print this and exit"},
    {.name = NULL},
};

const rsi_option *rsi_common_options(void)
{
    return common_options;
}

/* One pass over a command line. */
typedef struct parser {
    const rsi_command *command;
    rsi_common *common;
    rsi_call *call;
    int argc;
    char **argv;
    int at;
    const rsi_option *seen[OPTION_MAX];
    size_t seen_count;
} parser;

static const rsi_option *find_in(const rsi_option *table, const char *name, size_t length)
{
    for (const rsi_option *row = table; row != NULL && row->name != NULL; row++) {
        if (strlen(row->name) == length && memcmp(row->name, name, length) == 0) {
            return row;
        }
    }
    return NULL;
}

static size_t collect_names(const rsi_option *table, const char **names, size_t count)
{
    for (const rsi_option *row = table; row != NULL && row->name != NULL; row++) {
        if (count < 2 * OPTION_MAX) {
            names[count++] = row->name;
        }
    }
    return count;
}

static rs_status unknown_option(const parser *p, const char *typed, size_t length, rs_error *err)
{
    const char *names[2 * OPTION_MAX];
    size_t count = collect_names(p->command->options, names, 0);
    count = collect_names(common_options, names, count);
    char copy[64] = {0};
    memcpy(copy, typed, length < sizeof copy - 1 ? length : sizeof copy - 1);
    const char *nearest = rsi_nearest(copy, names, count);
    if (nearest != NULL) {
        return rs_fail(err, RS_EUSAGE, "%s: no option \"--%s\"; did you mean \"--%s\"?",
                       p->command->name, copy, nearest);
    }
    return rs_fail(err, RS_EUSAGE,
                   "%s: no option \"--%s\"; \"ringscope %s --help\" lists the options",
                   p->command->name, copy, p->command->name);
}

static bool was_seen(const parser *p, const rsi_option *option)
{
    for (size_t i = 0; i < p->seen_count; i++) {
        if (p->seen[i] == option) {
            return true;
        }
    }
    return false;
}

static rs_status note_seen(parser *p, const rsi_option *option, rs_error *err)
{
    if (was_seen(p, option)) {
        return option->value == RSI_LIST ? RS_OK
                                         : rs_fail(err, RS_EUSAGE, "%s: \"--%s\" is given twice",
                                                   p->command->name, option->name);
    }
    if (p->seen_count < OPTION_MAX) {
        p->seen[p->seen_count++] = option;
    }
    return RS_OK;
}

/* The value behind `=` or in the next argument. */
static rs_status take_value(parser *p, const rsi_option *option, const char *equals,
                            const char **value, rs_error *err)
{
    *value = NULL;
    if (option->value == RSI_FLAG) {
        return equals == NULL ? RS_OK
                              : rs_fail(err, RS_EUSAGE, "%s: \"--%s\" takes no value",
                                        p->command->name, option->name);
    }
    if (equals != NULL) {
        *value = equals + 1;
    } else if (p->at < p->argc) {
        *value = p->argv[p->at++];
    } else {
        return rs_fail(err, RS_EUSAGE, "%s: \"--%s\" needs a value (%s)", p->command->name,
                       option->name, option->argument);
    }
    return RS_OK;
}

static rs_status append_to_list(const parser *p, rsi_list *list, const char *value, rs_error *err)
{
    if (list->words == NULL) {
        list->words = calloc((size_t)p->argc, sizeof *list->words);
        if (list->words == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory");
        }
    }
    list->words[list->count++] = value;
    return RS_OK;
}

static rs_status parse_option(parser *p, const char *argument, rs_error *err)
{
    rs_status status = RS_OK;
    const char *name = argument + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    char *base = p->call->options;
    const rsi_option *option = find_in(p->command->options, name, length);
    if (option == NULL) {
        base = (char *)p->common;
        option = find_in(common_options, name, length);
    }
    if (option == NULL) {
        return unknown_option(p, name, length, err);
    }
    const char *value = NULL;
    RS_TRY(note_seen(p, option, err));
    RS_TRY(take_value(p, option, equals, &value, err));
    if (option->value == RSI_LIST) {
        return append_to_list(p, (rsi_list *)(void *)(base + option->offset), value, err);
    }
    return rs_context(err, rsi_parse_value(option, value, base + option->offset, err), "%s",
                      p->command->name);
done:
    return status;
}

static rs_status check_words(const parser *p, rs_error *err)
{
    size_t count = p->call->word_count;
    if (count < p->command->word_min) {
        return rs_fail(err, RS_EUSAGE, "%s: something is missing; usage: ringscope %s %s",
                       p->command->name, p->command->name, p->command->words);
    }
    if (count > p->command->word_max) {
        return rs_fail(err, RS_EUSAGE, "%s: \"%s\" is one word too many; usage: ringscope %s %s",
                       p->command->name, p->call->words[p->command->word_max], p->command->name,
                       p->command->words);
    }
    return RS_OK;
}

static rs_status check_required(const parser *p, rs_error *err)
{
    for (const rsi_option *row = p->command->options; row != NULL && row->name != NULL; row++) {
        if (row->required && !was_seen(p, row)) {
            return rs_fail(err, RS_EUSAGE, "%s: \"--%s %s\" is missing", p->command->name,
                           row->name, row->argument);
        }
    }
    return RS_OK;
}

rs_status rsi_parse(const rsi_command *command, int argc, char **argv, rsi_common *common,
                    rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    parser p = {.command = command, .common = common, .call = call, .argc = argc, .argv = argv};
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    if (words == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    call->words = words;
    bool words_only = false;
    while (p.at < argc) {
        const char *argument = argv[p.at++];
        if (words_only || argument[0] != '-' || argument[1] == '\0') {
            words[call->word_count++] = argument;
        } else if (strcmp(argument, "--") == 0) {
            words_only = true;
        } else if (strcmp(argument, "-h") == 0) {
            common->help = true;
        } else if (argument[1] != '-') {
            return rs_fail(err, RS_EUSAGE, "%s: no option \"%s\"; options begin with two dashes",
                           command->name, argument);
        } else {
            RS_TRY(parse_option(&p, argument, err));
        }
    }
    if (!common->help) {
        RS_TRY(check_words(&p, err));
        RS_TRY(check_required(&p, err));
    }
done:
    return status;
}

void rsi_parse_free(const rsi_command *command, rsi_call *call)
{
    for (const rsi_option *row = command->options; row != NULL && row->name != NULL; row++) {
        if (row->value == RSI_LIST && call->options != NULL) {
            free(((rsi_list *)(void *)((char *)call->options + row->offset))->words);
        }
    }
    free((void *)(uintptr_t)call->words);
}
