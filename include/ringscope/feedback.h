/* feedback.h - the ledger: who is on the lists, what people decided, what was done when and by
 * whom.
 *
 * A database (a SQLite file or a PostgreSQL server, docs/decisions/0022-lists-in-a-database.md).
 * Every change of it is one act: all or nothing, with the next number, its revision, and a line of
 * the audit trail. What was known at a revision can be read ever after.
 *
 * Life     open -> calls -> close
 * Clock    none: the moment of an act, and its secret, come from the caller
 * Threads  a handle belongs to one thread; any number of processes may have the database open
 * Trust    a damaged database is RS_ECORRUPT, one of a newer schema too
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_FEEDBACK_H
#define RINGSCOPE_FEEDBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "text.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_ledger rs_ledger;

typedef enum rs_ledger_mode {
    RS_LEDGER_READ, /* RS_ENOTFOUND where there is none yet */
    RS_LEDGER_WRITE /* made where there is none yet */
} rs_ledger_mode;

/* `place`: a path, or postgresql://... `work` (may be NULL) is asked whether to stop while another
 * writer keeps us waiting. RS_EUSAGE, RS_EIO, RS_ENOMEM, RS_ENOTFOUND, RS_ECORRUPT, RS_ELOCKED
 * (somebody wrote for a minute), RS_EINTERRUPTED: so for every call below. */
RS_API RS_MUST_USE rs_status rs_ledger_open(rs_ledger **out, const char *place, rs_ledger_mode mode,
                                            const rs_work *work, rs_error *err);
RS_API void rs_ledger_close(rs_ledger *ledger); /* NULL is fine */

/* The latest revision (0: nothing was done yet) and its line's hash, which anchors the trail. */
#define RS_HEAD_LENGTH 64
typedef struct rs_ledger_head {
    int64_t revision;
    char hash[RS_HEAD_LENGTH + 1]; /* hex digits */
    char database[17];             /* of its first line: which database it is; empty: none yet */
} rs_ledger_head;
RS_API RS_MUST_USE rs_status rs_ledger_head_read(rs_ledger *ledger, rs_ledger_head *head,
                                                 rs_error *err);

/* Who does something, when and why. */
#define RS_SECRET_BYTES 16
typedef struct rs_act {
    const char *who;
    const char *why; /* NULL: nothing was said */
    int64_t when_unix_s;
    uint8_t secret[RS_SECRET_BYTES]; /* random, another for each act: keys what hides names */
} rs_act;

/* ---- lists ----------------------------------------------------------------------------------- */

typedef enum rs_list_name { RS_BLACKLIST, RS_WHITELIST } rs_list_name;
RS_API const char *rs_list_name_text(rs_list_name list); /* "blacklist", "whitelist" */

#define RS_ALWAYS INT64_MIN /* since: for ever */
#define RS_NEVER  INT64_MAX /* until: it does not end; removed: it was not */

/* Who is on a list, by what source: one entry of each at a time. The id is that of the store, byte
 * for byte: nothing is trimmed or folded. */
typedef struct rs_entry {
    rs_text type, id, source, reason; /* valid UTF-8 without U+0000 */
    uint32_t strength;                /* millionths, 1 .. 1000000 */
    int64_t since;                    /* UTC seconds or RS_ALWAYS: counts from there on, */
    int64_t until;                    /* up to before this; RS_NEVER */
    int64_t added;                    /* the revision */
    int64_t removed;                  /* the revision, or RS_NEVER */
} rs_entry;

/* Called with an entry that is lent; a failure ends the call. */
typedef rs_status (*rs_entry_taker)(void *context, const rs_entry *entry, rs_error *err);

typedef struct rs_entry_query {
    rs_list_name list;
    int64_t revision; /* as it was then; -1: as it is now */
    bool dated;       /* only those that count at as_of */
    int64_t as_of;
    const char *type, *id; /* NULL: all; with an id goes its type */
} rs_entry_query;
#define RS_ENTRY_QUERY_DEFAULTS                                                                    \
    {                                                                                              \
        .revision = -1                                                                             \
    }
/* In byte order of type, id and source, whatever the database's own order is. */
RS_API RS_MUST_USE rs_status rs_ledger_entries(rs_ledger *ledger, const rs_entry_query *query,
                                               rs_entry_taker take, void *context, rs_error *err);

/* What an import came to. Kept examples are freed by rs_import_free. */
enum { RS_IMPORT_SHOWN = 10 };
typedef struct rs_import_result {
    uint64_t row_count;
    uint64_t added_count;
    uint64_t changed_count; /* of the same source, with another reason, strength or time */
    uint64_t same_count;
    uint64_t both_count;                 /* of the rows: on the other list too */
    size_t change_count, conflict_count; /* of the lines that are kept: what it was and is, */
    char *changes[RS_IMPORT_SHOWN];      /* and on which list else */
    char *conflicts[RS_IMPORT_SHOWN];
    int64_t revision; /* of this act; 0 where nothing changed, or on trial */
} rs_import_result;
RS_API void rs_import_free(rs_import_result *result);

typedef enum rs_import_format { RS_IMPORT_GUESS, RS_IMPORT_CSV, RS_IMPORT_JSON } rs_import_format;
typedef struct rs_import_options {
    rs_list_name list;
    rs_import_format format; /* guessed from the first character */
    const char *source;      /* of rows that name none */
    bool keep_expired;       /* a row that has ended by the act's moment is kept, not refused */
    bool trial;              /* tell what it would come to, and change nothing */
} rs_import_options;

/* Take all rows of a file (plain, .gz, .zst, "-"): CSV with a header
 * type,id,reason[,strength][,since][,until][,source], columns in any order, others ignored; or JSON
 * objects of these names, one a line or in one array. A row of the same type, id and source as one
 * that is there takes its place. RS_EINPUT with file:line:column for a bad row, one that stands
 * twice, one that has ended: nothing is changed. */
RS_API RS_MUST_USE rs_status rs_ledger_import(rs_ledger *ledger, const char *path,
                                              const rs_import_options *options, const rs_act *act,
                                              rs_import_result *result, rs_error *err);
/* One entry, in the same way; `added` and `removed` are not read. */
RS_API RS_MUST_USE rs_status rs_ledger_add(rs_ledger *ledger, const rs_entry *entry,
                                           const rs_import_options *options, const rs_act *act,
                                           rs_import_result *result, rs_error *err);
/* Take somebody off a list: of one source, or (NULL) of all. RS_ENOTFOUND where nothing is. */
RS_API RS_MUST_USE rs_status rs_ledger_remove(rs_ledger *ledger, rs_list_name list,
                                              const rs_entry *which, const char *source,
                                              const rs_act *act, uint64_t *count, rs_error *err);

/* ---- verdicts -------------------------------------------------------------------------------- */

/* Where a case stands, and what can be done with it: the allowed moves are one table in
 * src/feedback/states.c. */
typedef enum rs_state {
    RS_STATE_NONE,
    RS_STATE_SUSPECTED, /* by the machine alone */
    RS_STATE_ESCALATED,
    RS_STATE_CONFIRMED_ONCE, /* another person has to agree */
    RS_STATE_CONFIRMED,
    RS_STATE_CLEARED,
    RS_STATES
} rs_state;
typedef enum rs_action {
    RS_ACTION_SUSPECT,  /* the machine's, by rs_ledger_feedback */
    RS_ACTION_WITHDRAW, /* the same, by rs_ledger_undo */
    RS_ACTION_ESCALATE,
    RS_ACTION_CONFIRM,
    RS_ACTION_CLEAR,
    RS_ACTIONS
} rs_action;
RS_API const char *rs_state_name(rs_state state);
RS_API const char *rs_action_name(rs_action action);

typedef struct rs_case_member {
    rs_text type, id;
} rs_case_member;

/* What a verdict is about: a ring as a run reported it, or one node (TYPE:ID, no members). */
typedef struct rs_case {
    rs_text subject;           /* "R-..." or TYPE:ID */
    const char *run;           /* that it was seen in; NULL: none */
    int64_t as_of;             /* of that run; RS_ALWAYS: not known */
    const char *evidence_hash; /* of the ring as the report has it; NULL: none */
    int64_t evidence; /* how much of it, in a measure of the caller's; may only be compared */
    const rs_case_member *members;
    size_t member_count;
} rs_case;

/* Where a case stands. */
typedef struct rs_standing {
    rs_state state;
    int64_t revision; /* of the last verdict; 0: none */
    int64_t evidence; /* at that time */
    bool quiet;       /* cleared, and its evidence has not grown by as much as is asked for since */
    int64_t loud_at;  /* cleared: quiet up to so much evidence */
} rs_standing;
/* `evidence`: of the case now. */
RS_API RS_MUST_USE rs_status rs_ledger_standing(rs_ledger *ledger, rs_text subject,
                                                int64_t evidence, rs_standing *standing,
                                                rs_error *err);

typedef struct rs_verdict_result {
    rs_state from, to;
    int64_t revision;
    uint64_t added_count;   /* entries of the blacklist that follow at once (of a node), */
    uint64_t removed_count; /* and that go */
} rs_verdict_result;
/* A person's verdict. With four eyes a first confirmation makes RS_STATE_CONFIRMED_ONCE; the
 * second, of another person, RS_STATE_CONFIRMED. A confirmed node goes on the blacklist (source
 * "verdict"); members of a confirmed ring do by rs_ledger_feedback. Clearing takes off what stood
 * there for the case. RS_EINPUT: the move is not allowed, or the same person confirms twice;
 * nothing changes. */
RS_API RS_MUST_USE rs_status rs_ledger_verdict(rs_ledger *ledger, const rs_case *about,
                                               rs_action action, const rs_act *act,
                                               rs_verdict_result *result, rs_error *err);

/* One verdict, lent. */
typedef struct rs_verdict_line {
    int64_t revision;
    rs_text subject, action, state, who, why, run, evidence_hash;
    int64_t evidence;
} rs_verdict_line;
typedef rs_status (*rs_verdict_taker)(void *context, const rs_verdict_line *line, rs_error *err);
/* All verdicts on a case, in their order; or (subject NULL) the last one on each, by subject. */
RS_API RS_MUST_USE rs_status rs_ledger_verdicts(rs_ledger *ledger, const char *subject,
                                                rs_verdict_taker take, void *context,
                                                rs_error *err);

/* What people agreed on; it stands in the database, for it is the team's and no run's. */
typedef enum rs_ledger_setting {
    RS_SETTING_FOUR_EYES,   /* 1 (default): two people confirm; 0: one */
    RS_SETTING_QUIET_GROWTH /* per cent of more evidence that ends a cleared ring's quiet; 50 */
} rs_ledger_setting;
RS_API RS_MUST_USE rs_status rs_ledger_setting_get(rs_ledger *ledger, rs_ledger_setting which,
                                                   int64_t *value, rs_error *err);
/* RS_EUSAGE: out of range. */
RS_API RS_MUST_USE rs_status rs_ledger_setting_set(rs_ledger *ledger, rs_ledger_setting which,
                                                   int64_t value, const rs_act *act, rs_error *err);

/* ---- feeding back ---------------------------------------------------------------------------- */

typedef struct rs_feedback_result {
    uint64_t suspected_count; /* rings that are now suspected */
    uint64_t quiet_count;     /* cleared rings that stay quiet */
    uint64_t confirmed_count; /* confirmed rings that were looked at, of any night */
    uint64_t added_count;     /* members that went on the blacklist */
    uint64_t removed_count;   /* undo: that went off it */
    uint64_t cleared_count;   /* members that are left out: cleared themselves, or whitelisted */
    int64_t revision;         /* 0: nothing changed, or a trial */
    /* Of all that was fed back for the run, this call and those before it: the same however often
     * it is done. */
    uint64_t run_suspected_count, run_added_count;
} rs_feedback_result;
/* Record what a run found (`cases`: rings of a suspect's score) as suspected, and put the members
 * of confirmed rings, as far as people saw them when they confirmed, on the blacklist: source
 * "ring:R-...". Nothing that a machine found goes there. One act; done again it changes nothing.
 * `trial`: tell what it would come to. */
RS_API RS_MUST_USE rs_status rs_ledger_feedback(rs_ledger *ledger, const char *run,
                                                const rs_case *cases, size_t count, bool trial,
                                                const rs_act *act, rs_feedback_result *result,
                                                rs_error *err);
/* Take back what rs_ledger_feedback did for that run. Verdicts stay: what is confirmed is fed back
 * again by the next feedback. RS_ENOTFOUND. */
RS_API RS_MUST_USE rs_status rs_ledger_undo(rs_ledger *ledger, const char *run, const rs_act *act,
                                            rs_feedback_result *result, rs_error *err);

/* Append what other systems have to be told, and were not, to a file, one JSON object a line; then,
 * synced, it counts as told. Killed in between, it is told again: with the same "key". *count:
 * lines. Cost: O(lines). */
RS_API RS_MUST_USE rs_status rs_ledger_deliver(rs_ledger *ledger, const char *path, uint64_t *count,
                                               rs_error *err);

/* ---- the file -------------------------------------------------------------------------------- */

/* Take a person out: entries, verdicts, what is to be told, and the texts of the audit trail, which
 * still holds. *count: rows. An act, if there was anything. */
RS_API RS_MUST_USE rs_status rs_ledger_erase(rs_ledger *ledger, rs_text type, rs_text id,
                                             const rs_act *act, uint64_t *count, rs_error *err);
/* Copy a file's database as it is at one moment. RS_EUSAGE: it is on a server. */
RS_API RS_MUST_USE rs_status rs_ledger_copy(rs_ledger *ledger, const char *path, rs_error *err);
/* Whether the database's own structure holds: RS_ECORRUPT. */
RS_API RS_MUST_USE rs_status rs_ledger_check(rs_ledger *ledger, rs_error *err);

/* ---- the audit trail ------------------------------------------------------------------------- */

/* One act, lent. Texts of who was erased are empty. */
typedef struct rs_audit_line {
    int64_t revision;
    int64_t when_unix_s;
    rs_text who, what, object, why, detail;
    bool erased;
    rs_text hash;
} rs_audit_line;
typedef rs_status (*rs_audit_taker)(void *context, const rs_audit_line *line, rs_error *err);
RS_API RS_MUST_USE rs_status rs_ledger_audit(rs_ledger *ledger, int64_t from, rs_audit_taker take,
                                             void *context, rs_error *err);

/* What does not hold, in words; freed by rs_audit_free. */
enum { RS_AUDIT_KEPT = 20 };
typedef struct rs_audit_result {
    int64_t line_count;
    uint64_t problem_count;
    size_t kept_count;
    char *kept[RS_AUDIT_KEPT];
    rs_ledger_head head;
} rs_audit_result;
RS_API void rs_audit_free(rs_audit_result *result);
/* Hold the trail against itself and against `anchors`, heads that were seen before. A line that was
 * changed, is missing or stands elsewhere is a problem of the result, no failure. O(lines). */
RS_API RS_MUST_USE rs_status rs_ledger_verify(rs_ledger *ledger, const rs_ledger_head *anchors,
                                              size_t anchor_count, rs_audit_result *result,
                                              rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
