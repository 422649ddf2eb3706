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
