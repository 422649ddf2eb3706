/* night.h - a night: where it is, what came in, what changed; kept so that a kill costs nothing.
 *
 *     STORE/nightly/lock          locked by the process that does a night
 *     STORE/nightly/state.json    the night under way or last done, and what feeds usually bring
 *     INBOX/nights/DATE/          the files of a night, taken out of the inbox
 *     OUT/DATE/                   its report, risks, summary; OUT/latest points to the last one
 * done
 *     OUT/outbox.jsonl            what other systems are told of the lists, night after night
 *
 * Invariant: the state names the first stage that may not be done. Each stage, done again, leaves
 * what it left: so whoever goes on after a kill does the stage named, and those behind it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_NIGHT_H
#define RSI_CLI_NIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/run.h"
#include "report/out.h"
#include "ringscope/feedback.h"
#include "ringscope/report.h"

/* In the order in which they are done. */
typedef enum rsi_night_stage {
    RSI_NIGHT_TAKE, /* the night's files out of the inbox */
    RSI_NIGHT_INGEST,
    RSI_NIGHT_COMPACT,
    RSI_NIGHT_RUN,
    RSI_NIGHT_FEEDBACK, /* what is confirmed onto the blacklist */
    RSI_NIGHT_WRITE,    /* what OUT gets */
    RSI_NIGHT_DONE
} rsi_night_stage;
const char *rsi_night_stage_name(rsi_night_stage stage);

enum { RSI_FEED_NIGHTS_MAX = 60, RSI_DATE_ROOM = 11 }; /* "2026-11-22" */

typedef enum rsi_feed_verdict {
    RSI_FEED_FINE,
    RSI_FEED_MISSING,
    RSI_FEED_EMPTY,
    RSI_FEED_SMALL /* under the share of what it usually brings */
} rsi_feed_verdict;
const char *rsi_feed_verdict_name(rsi_feed_verdict verdict);

/* What one source of the mapping brings. */
typedef struct rsi_night_feed {
    char *match;                          /* the source's pattern */
    uint64_t before[RSI_FEED_NIGHTS_MAX]; /* rows of the nights done, the latest first */
    size_t before_count;
    uint64_t rows; /* tonight */
    uint64_t file_count;
    rsi_feed_verdict verdict;
} rsi_night_feed;

/* What was fed back for the night's run, however often it was begun. */
typedef struct rsi_night_fed {
    bool done;                /* else the night was not to */
    uint64_t suspected_count; /* rings newly noted */
    uint64_t added_count;     /* members put on the blacklist */
    uint64_t confirmed_count; /* rings that are confirmed, of any night */
    uint64_t cleared_count;   /* members of them left out as cleared or whitelisted */
    uint64_t quiet_count;     /* suspects that people cleared, and that stay quiet */
} rsi_night_fed;

typedef struct rsi_night {
    char date[RSI_DATE_ROOM]; /* "": no night yet */
    rsi_night_stage stage;
    char **files; /* names in the inbox, ascending */
    size_t file_count;
    rsi_night_feed *feeds; /* in the order of the mapping */
    size_t feed_count;
    uint64_t row_count; /* as the ingest read them */
    uint64_t rejected_count;
    rs_run_id run;
    rsi_night_fed fed;
    char last_date[RSI_DATE_ROOM]; /* the night done before; "": none */
    rs_run_id last_run;
} rsi_night;
void rsi_night_free(rsi_night *night);

/* ---- the state (night_state.c) --------------------------------------------------------------- */

typedef struct rsi_night_home {
    char *path; /* STORE/nightly */
    int lock;
} rsi_night_home;
#define RSI_NO_NIGHT_HOME                                                                          \
    {                                                                                              \
        .lock = -1                                                                                 \
    }
/* Make it where it is missing (not in a folder of something else), and lock it until it is left or
 * the process ends. RS_ELOCKED: another night is under way. RS_ECORRUPT, RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_night_enter(rsi_night_home *home, const char *store, rs_error *err);
void rsi_night_leave(rsi_night_home *home); /* RSI_NO_NIGHT_HOME is fine */
/* All zero where no night was yet. RS_ECORRUPT names the place. */
RS_MUST_USE rs_status rsi_night_read(rsi_night *night, const char *store, rs_error *err);
/* Whole or not at all, and lasting. */
RS_MUST_USE rs_status rsi_night_write(const rsi_night *night, const rsi_night_home *home,
                                      rs_error *err);

/* ---- the inbox (night_inbox.c) --------------------------------------------------------------- */

typedef struct rsi_inbox_options {
    const char *inbox;
    const char *mapping;
    rsi_list optional;      /* patterns of feeds that may be missing or empty */
    uint64_t nights;        /* how many nights before say what is usual */
    uint64_t least_percent; /* of what is usual */
} rsi_inbox_options;

/* Fill files and feeds with what lies in the inbox; feeds keep what they brought before. Names that
 * no source matches are counted. Reads every file once, to count its rows. */
RS_MUST_USE rs_status rsi_inbox_look(rsi_night *night, const rsi_inbox_options *options,
                                     const rs_work *work, uint64_t *foreign_count, rs_error *err);
/* The median of what it brought in the last `nights`; 0: fewer than three are known. */
uint64_t rsi_feed_usual(const rsi_night_feed *feed, uint64_t nights);
/* INBOX/nights/DATE, freed by free(); NULL where memory ends. */
char *rsi_inbox_folder(const char *inbox, const char *date);
/* What stops the night: "feed "a*.csv" is missing; feed ...", freed by free(); NULL: nothing. */
RS_MUST_USE rs_status rsi_inbox_faults(const rsi_night *night, uint64_t nights, char **why,
                                       rs_error *err);
/* The feeds as a table for people. */
RS_MUST_USE rs_status rsi_inbox_print(const rsi_night *night, uint64_t nights, FILE *out,
                                      rs_error *err);
/* Move the night's files there; those that are there already stay. RS_EINPUT: one is gone. */
RS_MUST_USE rs_status rsi_inbox_take(const rsi_night *night, const char *inbox, rs_error *err);

/* ---- the outputs (night_out.c) --------------------------------------------------------------- */

/* OUT/DATE/NAME, freed by free(); NULL where memory ends. */
char *rsi_out_path(const char *out, const char *date, const char *name);
/* OUT and OUT/DATE, where they are missing, without what killed processes left. RS_EIO. */
RS_MUST_USE rs_status rsi_out_make(const char *out, const char *date, rs_error *err);
/* Remove the hidden files that killed processes left in a folder. */
void rsi_out_sweep(const char *path);
/* OUT/latest -> DATE. RS_EIO. */
RS_MUST_USE rs_status rsi_out_point(const char *out, const char *date, rs_error *err);
/* Take away all but the latest `keep` nights. RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_out_rotate(const char *out, uint64_t keep, rs_error *err);
/* Four digits, two and two, with dashes. */
bool rsi_is_date(const char *text);

/* ---- what changed (night_changes.c) ---------------------------------------------------------- */

typedef enum rsi_change {
    RSI_CHANGE_NEW, /* this and the next five: by the event of its lineage */
    RSI_CHANGE_GREW,
    RSI_CHANGE_MERGED,
    RSI_CHANGE_SPLIT,
    RSI_CHANGE_RETURNED,
    RSI_CHANGE_SHRANK,
    RSI_CHANGE_QUIET, /* was there last night, and no ring of tonight took it in */
    RSI_CHANGE_SAME,
    RSI_CHANGE_KINDS
} rsi_change;
const char *rsi_change_name(rsi_change change);

typedef struct rsi_changed_ring {
    char id[32];
    rsi_change change;
    uint32_t score;
    uint64_t member_count;
    uint32_t score_before; /* of last night; 0: it was not there, as the next */
    uint64_t member_count_before;
    int64_t evidence; /* as verdicts measure it */
    rs_state state;   /* where people left it */
    bool quiet;       /* cleared, and it has not grown by what would make it loud */
    char *reason;     /* the first one's text */
    char *from;       /* the rings that it comes from, as the report has them */
} rsi_changed_ring;

/* {0} is empty. */
typedef struct rsi_changes {
    rsi_changed_ring *rings; /* as the reports have them: tonight's, then those that went */
    size_t ring_count;
    size_t count[RSI_CHANGE_KINDS];
    uint64_t now_count, suspect_count; /* rings tonight */
    uint64_t before_count, suspect_before_count;
    uint64_t awaiting_count; /* rings of any night that one person confirmed, and no other */
    bool compared;           /* there was a night before, and its run is kept */
    int64_t as_of;
} rsi_changes;
RS_MUST_USE rs_status rsi_changes_find(rsi_changes *changes, const char *store,
                                       const rsi_night *night, rs_error *err);
/* Where people left these rings, by the database (NULL: there is none). */
RS_MUST_USE rs_status rsi_changes_mark(rsi_changes *changes, rs_ledger *ledger, rs_error *err);
void rsi_changes_free(rsi_changes *changes);

/* ---- what a person and what monitoring read (night_summary.c, night_metrics.c) --------------- */

typedef enum rsi_night_end { RSI_NIGHT_OK, RSI_NIGHT_STOPPED, RSI_NIGHT_FAILED } rsi_night_end;
const char *rsi_night_end_name(rsi_night_end end);

typedef struct rsi_account {
    const rsi_night *night;
    rsi_night_end end;
    const char *why;            /* of a night that was stopped or failed */
    const rsi_changes *changes; /* of one that is done */
    uint64_t feed_nights;
} rsi_account;

/* One page, Markdown. */
RS_MUST_USE rs_status rsi_night_page(const rsi_account *account, const char *path, rs_error *err);
RS_MUST_USE rs_status rsi_night_json(const rsi_account *account, const char *path, rs_error *err);
/* What one attempt took; by the clock, so no part of what must be the same. */
typedef struct rsi_attempt {
    int64_t ended_unix_s;
    uint64_t microseconds;
    uint64_t peak_memory_bytes;
} rsi_attempt;
/* Prometheus' text format. */
RS_MUST_USE rs_status rsi_night_metrics(const rsi_account *account, const rsi_attempt *attempt,
                                        const char *path, rs_error *err);

#endif
