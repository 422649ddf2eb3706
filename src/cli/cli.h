/* cli.h - the frame in which every subcommand stands.
 *
 * To add a subcommand: write NAME.c here with one `const rsi_command rsi_command_NAME`, add its row
 * to the table in commands.c and its page docs/man/ringscope-NAME.1. Nothing else changes: the
 * parser,
 * --help, the list of commands and the test that holds --help against the man page read the table.
 *
 * A subcommand is options, calls and printing: it fills a plain struct from its table of options,
 * calls the library, prints results on `call->out` and returns the library's status. It writes no
 * errors (main does, from the rs_error), sets no signals, and calls neither exit nor isatty.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_CLI_H
#define RSI_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ringscope/error.h"
#include "ringscope/maintain.h"
#include "ringscope/store.h"
#include "ringscope/text.h"
#include "ringscope/work.h"

/* Exit statuses, beside those that rsi_exit_status makes of an rs_status. */
enum {
    RSI_EXIT_DONE = 0,
    RSI_EXIT_FAILED = 1,
    RSI_EXIT_USAGE = 2,
    RSI_EXIT_INPUT = 3,
    RSI_EXIT_LOCKED = 4,
    RSI_EXIT_DAMAGED = 5,
    RSI_EXIT_REJECTED = 6, /* committed, some rows rejected */
    RSI_EXIT_STOPPED = 7,  /* a night, before anything was read: a feed is not as usual */
    RSI_EXIT_SIGNAL = 128  /* plus the signal's number */
};

/* ---- options -------------------------------------------------------------------------------- */

/* What an option's value is, and the type of the struct's field that takes it. */
typedef enum rsi_value {
    RSI_FLAG,  /* bool: no value */
    RSI_WORD,  /* const char *: as it stands */
    RSI_COUNT, /* uint64_t */
    RSI_REAL,  /* double */
    RSI_SIZE,  /* uint64_t bytes: 512M, 4G (powers of 1024), 1000 */
    RSI_TIME,  /* int64_t Unix seconds: Unix seconds or ISO 8601, UTC where no offset stands; a date
                  alone is the last second of its day, for every such option is an end */
    RSI_SPAN,  /* int64_t seconds: 90s, 30m, 6h, 7d, 2w; a plain number is seconds */
    RSI_CHOICE,  /* int: index into `choices` */
    RSI_SETTING, /* const char *, checked: the setting of that name (settings.h), which tells help,
                    bounds and default */
    RSI_LIST     /* rsi_list: may be given again and again */
} rsi_value;

typedef struct rsi_list {
    size_t count;
    const char **words; /* freed by the frame */
} rsi_list;

typedef struct rsi_option {
    const char *name; /* long name without the dashes */
    rsi_value value;
    const char *argument; /* "FILE" in the help; NULL for a flag; for a choice "text|json" */
    size_t offset;        /* of the field in the subcommand's struct */
    const char *help;     /* one sentence, lower case; names the default; NULL: of a setting */
    double min, max; /* bounds for a count or a real; both 0: none; for a size only min, bytes */
    bool required;
} rsi_option;

/* ---- a subcommand --------------------------------------------------------------------------- */

typedef struct rsi_call {
    void *options;     /* the subcommand's struct, filled */
    size_t word_count; /* what stands on the command line beside options */
    const char *const *words;
    const rs_work *work; /* threads, memory, progress and interruption, for every stage */
    bool quiet;
    FILE *out;       /* results; main notices when writing fails */
    int exit_status; /* what a call that succeeds exits with; RSI_EXIT_DONE unless set */
} rsi_call;

typedef struct rsi_command {
    const char *name;
    const char *summary; /* for the list of commands: one line, lower case */
    const char *words;   /* for the usage line: "STORE --mapping MAP.json [options] FILE..." */
    const char *about;   /* a paragraph or two, lines at most 90 wide */
    size_t word_min;     /* how many words must and may stand beside the options */
    size_t word_max;     /* SIZE_MAX: any number */
    const rsi_option *options; /* ends with a row whose name is NULL; may be NULL */
    size_t options_size;       /* of the struct; 0 where there are no options */
    const void *defaults;      /* of that size; NULL: all zero */
    rs_status (*run)(rsi_call *call, rs_error *err);
} rsi_command;

/* Ends with NULL; in the order in which a newcomer needs them. */
const rsi_command *const *rsi_commands(void);

/* ---- the parser (options.c, values.c) ------------------------------------------------------- */

/* The least budget: code, threads' stacks, and one block of everything that is streamed. What a
 * stage needs beyond it depends on the store, and the stage says so. */
#define RSI_MEMORY_MIN (64 << 20)

/* Options that every subcommand takes. */
typedef struct rsi_common {
    uint64_t threads;      /* 0: as many as there are processors to run on */
    uint64_t memory_bytes; /* RSI_MEMORY_MIN and more; 0: half of what is free */
    int progress;          /* rsi_progress_mode */
    bool quiet;
    bool help;
} rsi_common;
const rsi_option *rsi_common_options(void);

/* Fill `common`, `call->options` (already holding defaults) and the words from argv[0..argc-1],
 * what stands behind the subcommand's name. The words are freed by rsi_parse_free. RS_EUSAGE,
 * RS_ENOMEM. */
RS_MUST_USE rs_status rsi_parse(const rsi_command *command, int argc, char **argv,
                                rsi_common *common, rsi_call *call, rs_error *err);
void rsi_parse_free(const rsi_command *command, rsi_call *call);

/* One value of `option` from `text` into `field`. RS_EUSAGE says what was expected. */
RS_MUST_USE rs_status rsi_parse_value(const rsi_option *option, const char *text, void *field,
                                      rs_error *err);

/* The one of `count` names that a typing error most likely stands for, or NULL. */
const char *rsi_nearest(const char *typed, const char *const *names, size_t count);

/* ---- help (help.c) -------------------------------------------------------------------------- */

void rsi_help_overview(FILE *out);
void rsi_help_command(FILE *out, const rsi_command *command);

/* ---- progress and interruption (progress.c) ------------------------------------------------- */

typedef enum rsi_progress_mode {
    RSI_PROGRESS_AUTO, /* a line on standard error where that is a terminal */
    RSI_PROGRESS_LINE,
    RSI_PROGRESS_JSON, /* one JSON object a line on standard error */
    RSI_PROGRESS_NONE
} rsi_progress_mode;

typedef struct rsi_meter rsi_meter;
/* Draws on `err_stream`. NULL where memory ends. */
rsi_meter *rsi_meter_new(rsi_progress_mode mode, FILE *err_stream);
/* For rs_work.progress with the meter as context: draws, and asks to stop after a signal. */
int rsi_meter_report(void *meter, const rs_progress *now);
/* Takes the line off the screen. NULL is fine. */
void rsi_meter_close(rsi_meter *meter);

/* From here on SIGINT and SIGTERM only note themselves; a second one kills as it always does. */
void rsi_catch_signals(void);
/* The signal that came, or 0. */
int rsi_caught_signal(void);

/* ---- printing (output.c) -------------------------------------------------------------------- */

/* Bytes from data, safe for a terminal: control characters and what is not UTF-8 become \xNN. */
void rsi_print_text(FILE *out, rs_text text);
/* A JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void rsi_print_json_text(FILE *out, rs_text text);
/* ,"key":seconds, or null for RS_NO_TIME. */
void rsi_print_json_time(FILE *out, const char *key, int64_t unix_s);
rs_text rsi_text(const char *string);
/* "1,234,567", "12.3 MB", "2026-03-01T12:00:00Z"; `buffer` holds RSI_FORMAT_MAX bytes and is
 * returned. */
#define RSI_FORMAT_MAX 48
const char *rsi_format_count(char *buffer, uint64_t count);
const char *rsi_format_bytes(char *buffer, uint64_t bytes);
const char *rsi_format_time(char *buffer, int64_t unix_s);

/* Rows of cells, printed in columns as wide as they need to be. `align` has a letter a column, 'l'
 * or 'r'. Cells are filled from left to right, row after row; their text is made safe for a
 * terminal. Running out of memory shows when it is printed. */
typedef struct rsi_table rsi_table;
rsi_table *rsi_table_new(const char *align);
RS_PRINTF(2, 3) void rsi_table_cell(rsi_table *table, const char *format, ...);
/* A cell with a time, "-" for RS_NO_TIME. */
void rsi_table_time(rsi_table *table, int64_t unix_s);
/* `indent` spaces before each row. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_table_print(const rsi_table *table, FILE *out, int indent, rs_error *err);
void rsi_table_free(rsi_table *table);

/* ---- shared by subcommands (common.c) ------------------------------------------------------- */

/* Open the store that the user named. A store that is not there is wrong usage (exit 2), while a
 * ring or an id that is not in a good store is bad input (exit 3). */
RS_MUST_USE rs_status rsi_open_store(rs_store **out, const char *path, rs_error *err);
/* The same change of status for other calls that take the user's path. */
RS_MUST_USE rs_status rsi_store_status(rs_status status, rs_error *err);
/* TYPE:ID as the user writes it: what stands before the first colon is the type (the caller frees
 * it), for ids may have colons; neither is empty. *id lies in `word`. RS_EUSAGE, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_split_name(const char *word, char **type, rs_text *id, rs_error *err);

/* Compact the store that words[0] names, with the defaults, where the batches beside its largest
 * are more than 30 or hold more than a quarter of its edges (compact.c); else *result stays all
 * zero. */
RS_MUST_USE rs_status rsi_compact_when_due(const rsi_call *call, rs_compact_result *result,
                                           rs_error *err);

/* Refuse an output file (NULL: none) that is a folder, in a folder that is not there, or "-". */
RS_MUST_USE rs_status rsi_check_file(const char *path, const char *option, rs_error *err);
/* Refuse an output `path` (NULL: none) that is one of the inputs (NULLs are passed over) or lies in
 * the store: RS_EUSAGE names the option. */
RS_MUST_USE rs_status rsi_check_output(const char *path, const char *option, const char *store,
                                       const char *const *inputs, size_t count, rs_error *err);

int rsi_exit_status(rs_status status);

#endif
