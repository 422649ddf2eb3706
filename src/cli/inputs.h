/* inputs.h - what every command that goes through the stages of a run is told: the lists, the
 * settings, the as-of time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_INPUTS_H
#define RSI_CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Paths, NULL: none; RS_NO_TIME: the latest event. */
typedef struct rsi_inputs {
    const char *blacklist;
    const char *whitelist;
    const char *db;    /* of lists and verdicts; NULL: the store's own, if it has one */
    uint64_t revision; /* of the database; UINT64_MAX: the latest */
    const char *settings;
    int64_t as_of;
    uint64_t sequence; /* of the last batch that is looked at; 0: all are */
    bool kept; /* the files are a run's own, which hold all that counted for it: no database */
} rsi_inputs;
#define RSI_INPUTS_DEFAULTS                                                                        \
    {                                                                                              \
        .as_of = RS_NO_TIME, .revision = UINT64_MAX                                                \
    }

/* Rows of a table of options whose struct `type` has them in the field `inputs`. */
#define RSI_INPUT(type, name, field, value, argument, help)                                        \
    {                                                                                              \
        name, value, argument, offsetof(type, inputs) + offsetof(rsi_inputs, field), help, 0, 0,   \
            false                                                                                  \
    }
#define RSI_INPUT_OPTIONS(type)                                                                    \
    RSI_INPUT(type, "blacklist", blacklist, RSI_WORD, "FILE",                                      \
              "who is known: CSV type,id,reason[,strength][,since]; counts as confirmed"),         \
        RSI_INPUT(type, "whitelist", whitelist, RSI_WORD, "FILE",                                  \
                  "who is known to be good, in the same form; holds risk back"),                   \
        RSI_INPUT(type, "db", db, RSI_WORD, "PLACE",                                               \
                  "the database whose lists count, too: a SQLite file or postgresql://...; "       \
                  "default lists.sqlite in the store, where there is one"),                        \
        RSI_INPUT(type, "revision", revision, RSI_COUNT, "N",                                      \
                  "the lists of the database as they were after that act of its audit trail; "     \
                  "default as they are"),                                                          \
        RSI_INPUT(type, "as-of", as_of, RSI_TIME, "TIME",                                          \
                  "look at nothing later than this, a date meaning the end of that day; default "  \
                  "the latest event of the store"),                                                \
        RSI_INPUT(type, "settings", settings, RSI_WORD, "FILE",                                    \
                  "a JSON object of settings that are not to be the default; ringscope settings "  \
                  "lists them")

#endif
