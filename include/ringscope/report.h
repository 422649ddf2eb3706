/* report.h - what a run found, as files: the report JSON, the risks CSV, and the runs that a store
 * keeps.
 *
 * Files     each comes into being whole or not at all: written under another name, synced, renamed.
 *           docs/REPORT.md explains every field, docs/report.schema.json is the report's grammar
 * Memory    one ring at a time, and the ids of a bounded number of nodes; never the whole report
 * Sameness  equal findings give equal bytes; what is not part of the answer (batches, threads,
 *           timings) stands in the run's sidecar, run.json
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_REPORT_H
#define RINGSCOPE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "graph.h"
#include "lists.h"
#include "score.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RS_SUSPECT UINT32_C(500000) /* a ring of this score and more is a suspect */

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct rs_report_options {
    uint32_t min_score;   /* millionths; rings below are left out */
    const char *settings; /* JSON object that names every setting of the run; kept, and hashed */
    const char *model;    /* digest of what the risks were learned by, 32 hex digits; NULL: none */
    const char *model_subject; /* the node type whose risks those are; with a model */
    const rs_list *blacklist;  /* as used; NULL: none */
    const rs_list *whitelist;
    const rs_conflicts *conflicts; /* who is listed both ways; NULL: nobody */
    uint32_t users_max;            /* users that a fact names; the others are counted */
    uint32_t ids_max;              /* ids in memory at a time; the fewer, the more passes */
} rs_report_options;
#define RS_REPORT_DEFAULTS                                                                         \
    {                                                                                              \
        .settings = "{}", .users_max = 100, .ids_max = UINT32_C(4) << 20                           \
    }

/* Write the report JSON. RS_EIO, RS_ENOMEM, RS_ECORRUPT, RS_EINTERRUPTED. Cost: one pass over the
 * dictionary for each ids_max nodes that stand in the report. */
RS_API RS_MUST_USE rs_status rs_report_write(const rs_graph *graph, const rs_findings *findings,
                                             const rs_report_options *options, const rs_work *work,
                                             const char *path, rs_error *err);

/* Write the risks CSV, `type,id,risk,ring,spread,oddity,ring_score`: every subject, and things of a
 * risk above 0, in the graph's order. Uses ids_max, min_score (a ring that is not in the report is
 * not named). Cost: one pass over a type's dictionary for each ids_max nodes of it. */
RS_API RS_MUST_USE rs_status rs_risks_write(const rs_graph *graph, const rs_findings *findings,
                                            const rs_report_options *options, const rs_work *work,
                                            const char *path, rs_error *err);

/* ---- the runs that a store keeps ------------------------------------------------------------- */

typedef struct rs_run_timing {
    const char *stage;
    uint64_t microseconds;
} rs_run_timing;

/* What tonight's rings are told as, and what tomorrow needs of them. */
typedef struct rs_lineage rs_lineage;

/* What a run read of the database of lists (feedback.h): as it was after the act `revision`, while
 * the audit trail ended with `head`, whose hash is an anchor for it. */
typedef struct rs_run_lists {
    int64_t revision;
    int64_t head;
    char hash[65];     /* hex digits; empty: there was no database */
    char database[17]; /* which it was; empty: nothing was done in it yet */
    bool own;          /* the store's own */
} rs_run_lists;

/* What goes into a run beside what it found. */
typedef struct rs_run_record {
    unsigned threads;
    uint64_t memory_bytes;      /* the budget; 0: none */
    uint64_t peak_memory_bytes; /* 0: not known */
    const rs_run_timing *timings;
    size_t timing_count;
    uint64_t erasures_mark; /* rs_erasures_mark (erase.h) of before the store was opened */
    rs_run_lists lists;
    uint64_t keep_runs;        /* how many runs stay, this one among them; 0: all */
    const rs_lineage *lineage; /* of its rings; NULL: tomorrow knows nothing of them */
} rs_run_record;

/* "runs/<32 hex digits>": a digest of the store, the as-of time, the settings and the lists. */
#define RS_RUN_ID_LENGTH 32
typedef struct rs_run_id {
    char text[RS_RUN_ID_LENGTH + 1];
} rs_run_id;

/* Find out what became of the rings of earlier nights: rings that go on keep their id, and each
 * gets its event, its birth and where it comes from (`findings`; rings of equal scores are put in
 * order of their ids). Earlier nights are those whose as-of time is strictly before the graph's, of
 * which the runs that the store keeps hold the latest; of several of one time the one with the same
 * settings, then the one made last. Without an as-of time there are none. On RS_OK *out goes to
 * rs_run_keep and is freed by rs_lineage_free. RS_ECORRUPT (what an earlier night left is
 * damaged), RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. Cost: a pass over the dictionary, and what
 * the rings of both nights need in memory. */
RS_API RS_MUST_USE rs_status rs_lineage_follow(rs_lineage **out, const char *store_path,
                                               const rs_graph *graph,
                                               const rs_report_options *options,
                                               const rs_work *work, rs_findings *findings,
                                               rs_error *err);
RS_API void rs_lineage_free(rs_lineage *lineage);

/* Keep a run in `store_path`/runs/ and make it the latest: report.json, risks.csv, blacklist.csv,
 * whitelist.csv (as used), settings.json, run.json. Whole or not at all; a run of the same inputs
 * is replaced. Then, with keep_runs, others are taken away: those that look furthest (as-of) stay,
 * of equals those made last; the one that looks furthest of all stays in any case, for tomorrow's
 * rings are named after its. RS_EIO, RS_ENOMEM, RS_EINTERRUPTED, RS_ELOCKED (somebody was erased
 * from the store, or from what an earlier night left, meanwhile: nothing is kept). */
RS_API RS_MUST_USE rs_status rs_run_keep(const char *store_path, const rs_graph *graph,
                                         const rs_findings *findings,
                                         const rs_report_options *options,
                                         const rs_run_record *record, const rs_work *work,
                                         rs_run_id *id, rs_error *err);

typedef enum rs_run_file {
    RS_RUN_REPORT,
    RS_RUN_RISKS,
    RS_RUN_BLACKLIST,
    RS_RUN_WHITELIST,
    RS_RUN_SETTINGS,
    RS_RUN_NETWORK, /* what explains each risk; a run may leave it and the next out */
    RS_RUN_COUNTS,
    RS_RUN_RINGS,   /* who is in its rings, for tomorrow; a run may leave it out, and the next */
    RS_RUN_HISTORY, /* the same of the night before, as it was read */
    RS_RUN_SIDECAR
} rs_run_file;

/* The latest run. RS_ENOTFOUND where there is none yet, RS_ECORRUPT where it cannot be told. */
RS_API RS_MUST_USE rs_status rs_run_latest(const char *store_path, rs_run_id *id, rs_error *err);
/* The path of one of a run's files, freed by free(); NULL where memory ends. */
RS_API char *rs_run_path(const char *store_path, const rs_run_id *id, rs_run_file file);
/* What a run was bound to. */
typedef struct rs_run_info {
    char store_digest[33];   /* rs_store_digest of what it read */
    int64_t as_of;           /* UTC seconds or RS_NO_TIME */
    char model[33];          /* digest of the model of its risks; "": none */
    char model_subject[256]; /* the node type that has them */
    rs_run_lists lists;
} rs_run_info;
/* From the run's sidecar. RS_EIO, RS_ECORRUPT (a file that is missing, too), RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_run_read(const char *store_path, const rs_run_id *id,
                                         rs_run_info *info, rs_error *err);

/* Whether a file (not the sidecar itself) holds what the run wrote: RS_ECORRUPT where a byte of it
 * changed. Reads all of it. */
RS_API RS_MUST_USE rs_status rs_run_check(const char *store_path, const rs_run_id *id,
                                          rs_run_file file, rs_error *err);

/* Copy one of a run's files to `path`, whole or not at all. Beside a report's copy NAME.json (or
 * NAME) goes its sidecar, NAME.run.json, unless `path` is a device. */
RS_API RS_MUST_USE rs_status rs_run_copy(const char *store_path, const rs_run_id *id,
                                         rs_run_file file, const char *path, rs_error *err);

/* ---- reading risks --------------------------------------------------------------------------- */

/* A line of the risks CSV. */
typedef struct rs_risk_line {
    uint32_t risk; /* millionths, as the others */
    uint32_t spread;
    uint32_t oddity;
    uint32_t ring_score;
    char ring[16]; /* empty: none */
} rs_risk_line;

/* The line of a node; zeros where there is none (a thing without risk). Reads the file up to the
 * line. RS_ENOTFOUND (no such file), RS_EIO, RS_ECORRUPT, RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_risks_find(const char *path, rs_text type, rs_text id,
                                           rs_risk_line *line, rs_error *err);

/* ---- reading a report ------------------------------------------------------------------------ */

typedef struct rs_report rs_report; /* an open report; belongs to one thread */

/* A node as the report names it. */
typedef struct rs_named {
    rs_text type;
    rs_text id;
} rs_named;

/* One of the fewest links that make somebody a member. */
typedef struct rs_cluster_tie {
    rs_text kind;     /* of evidence */
    rs_text relation; /* length 0: none */
    rs_named with;    /* another member, or what many share */
    rs_named thing;   /* that the two share or act on; lengths 0: no other */
    uint32_t weight;  /* of all that ties the member to the ring */
} rs_cluster_tie;

typedef struct rs_cluster_member {
    rs_named node;
    uint32_t risk;
    uint32_t membership;
    rs_role role;
    bool known;
    bool cleared;               /* on the whitelist of that run */
    bool disputed;              /* on it, but the same person as somebody who is known */
    const rs_cluster_tie *ties; /* the largest first; none where they were not looked for */
    size_t tie_count;
    uint32_t more_ties; /* that are needed too, and not named */
} rs_cluster_member;

typedef struct rs_cluster_thing {
    rs_named node;
    uint32_t risk;
    uint32_t shared_by;
    bool known;
} rs_cluster_thing;

typedef struct rs_cluster_fact {
    rs_text relation; /* length 0: none */
    rs_named thing;   /* lengths 0: none */
    rs_text user_type;
    const rs_text *users;
    size_t user_count;
    uint64_t more; /* users that are not named */
    uint64_t event_count;
    rs_text first, last;      /* of what accounts do in time; lengths 0: not known */
    rs_text amount, currency; /* what it came to; lengths 0: none */
} rs_cluster_fact;

typedef struct rs_cluster_reason {
    rs_text kind;
    rs_text text;
    uint32_t weight;
    uint32_t member_count;
    uint32_t thing_count;
    const rs_cluster_fact *facts;
    size_t fact_count;
} rs_cluster_reason;

/* Somebody who only paid the ring. */
typedef struct rs_cluster_victim {
    rs_named node;
    uint32_t payment_count;
    rs_text amount; /* length 0: not known */
} rs_cluster_victim;

/* All who only paid it through one relation. */
typedef struct rs_cluster_paid {
    rs_text relation;
    uint32_t victim_count;
    uint64_t payment_count;
    rs_text amount, currency;         /* lengths 0: not known, none */
    const rs_cluster_victim *victims; /* those that are named */
    size_t listed_count;
} rs_cluster_paid;

/* What the ring falls apart without. */
typedef struct rs_cluster_hold {
    rs_named thing;
    uint32_t part_count, cut_count, alone_count;
    const rs_named *alone; /* those that are named */
    size_t listed_count;
} rs_cluster_hold;

/* One ring of the report, and all that it holds. */
typedef struct rs_cluster {
    rs_text id;
    rs_text since; /* length 0: not known */
    rs_text event; /* of its lineage: "born", ... */
    uint32_t score;
    uint32_t stability; /* millionths, or RS_NO_STABILITY */
    const rs_cluster_member *members;
    size_t member_count;
    const rs_cluster_thing *things;
    size_t thing_count;
    const rs_cluster_reason *reasons;
    size_t reason_count;
    const rs_cluster_paid *paid; /* by relation; none where nobody only paid it */
    size_t paid_count;
    const rs_cluster_hold *holds; /* none where it holds without any one thing */
    size_t hold_count;
    rs_text json; /* the object as it stands in the file */
} rs_cluster;

/* Open a report that this library wrote. RS_ENOTFOUND, RS_EIO, RS_ECORRUPT, RS_ENOMEM. */
RS_API RS_MUST_USE rs_status rs_report_open(rs_report **out, const char *path, rs_error *err);
/* The next ring, lent until the next call; *cluster is NULL at the end. The file may be damaged or
 * hostile: RS_ECORRUPT names file, line and place. */
RS_API RS_MUST_USE rs_status rs_report_next(rs_report *report, const rs_cluster **cluster,
                                            rs_error *err);
/* The ring of that id, from the start of the file; RS_ENOTFOUND. Lines before it are passed over
 * unread. */
RS_API RS_MUST_USE rs_status rs_report_find(rs_report *report, rs_text id,
                                            const rs_cluster **cluster, rs_error *err);
RS_API void rs_report_close(rs_report *report);
/* The store's relation that a report calls by that name, or SIZE_MAX. */
RS_API size_t rs_report_relation(const rs_store *store, rs_text name);

#ifdef __cplusplus
}
#endif
#endif
