/* writeback.c - what a run found becomes suspected, what people confirmed goes on the blacklist.
 *
 * The members that go there are those whom enough people saw when they confirmed the ring
 * (verdicts.c), never those that a machine added since: a machine's score does not feed itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/try.h"
#include "feedback/ledger.h"
#include "feedback/states.h"
#include "feedback/verdicts.h"

_Static_assert(RS_ACTION_CONFIRM == 3 && RS_STATE_CONFIRMED == 4 && RS_STATE_CLEARED == 5 &&
                   RS_ACTION_SUSPECT == 0,
               "as the statements have it");
#define IN_FORCE "removed = 9223372036854775807"

/* Members that enough people confirmed; those of them that something speaks for stay off. */
#define CONFIRMED                                                                                  \
    "WITH standing AS (SELECT subject, MAX(revision) AS revision FROM rs_verdict GROUP BY "        \
    "subject), "                                                                                   \
    "rings AS (SELECT v.subject AS ring, v.evidence_hash AS evidence_hash, COALESCE((SELECT "      \
    "MAX(w.revision) FROM rs_verdict w WHERE w.subject = v.subject AND w.action <> 3), 0) AS "     \
    "base FROM standing s JOIN rs_verdict v ON v.subject = s.subject AND v.revision = "            \
    "s.revision WHERE v.state = 4), "                                                              \
    "seen AS (SELECT m.ring AS ring, m.type AS type, m.id AS id, r.evidence_hash AS "              \
    "evidence_hash, MAX(v.as_of) AS since FROM rings r JOIN rs_member m ON m.ring = r.ring AND "   \
    "m.revision > r.base JOIN rs_verdict v ON v.subject = m.ring AND v.revision = m.revision "     \
    "GROUP BY m.ring, m.type, m.id, r.evidence_hash HAVING MIN(v.eyes) = 1 OR COUNT(DISTINCT "     \
    "v.person) >= 2), "                                                                            \
    "spoken_for AS (SELECT n.ring AS ring, n.type AS type, n.id AS id FROM seen n WHERE EXISTS "   \
    "(SELECT 1 FROM standing s JOIN rs_verdict v ON v.subject = s.subject AND v.revision = "       \
    "s.revision WHERE s.subject = n.type || ':' || n.id AND v.state = 5) OR EXISTS (SELECT 1 "     \
    "FROM rs_entry e WHERE e.list = 1 AND e.type = n.type AND e.id = n.id AND e." IN_FORCE ")) "

typedef struct feeding {
    const char *run;
    const rs_case *cases;
    size_t count;
    bool trial;
    const rs_act *act;
    rs_feedback_result *result;
} feeding;

static rs_status suspect_all(rsi_db *db, const feeding *f, int64_t revision, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < f->count; i++) {
        rs_standing now;
        RS_TRY(rsi_standing_read(db, f->cases[i].subject, f->cases[i].evidence, &now, err));
        const rsi_move *move = rsi_move_of(now.state, RS_ACTION_SUSPECT);
        if (move != NULL && move->guard == RSI_GROWN && now.quiet) {
            f->result->quiet_count++;
        } else if (move != NULL) {
            RS_TRY(rsi_verdict_add(db, revision, &f->cases[i], RS_ACTION_SUSPECT, move->to,
                                   f->act->who, 0, err));
            f->result->suspected_count++;
        }
    }
done:
    return status;
}

static rs_status list_members(rsi_db *db, const feeding *f, int64_t revision, rs_error *err)
{
    rs_status status = RS_OK;
    int64_t number = 0;
    RS_TRY(rsi_db_number(db, CONFIRMED "SELECT COUNT(*) FROM rings", NULL, 0, 0, &number, err));
    f->result->confirmed_count = (uint64_t)number;
    RS_TRY(
        rsi_db_number(db, CONFIRMED "SELECT COUNT(*) FROM spoken_for", NULL, 0, 0, &number, err));
    f->result->cleared_count = (uint64_t)number;
    RS_TRY(rsi_db_run(
        db,
        "INSERT INTO rs_entry (list, type, id, source, added, removed, reason, strength, since, "
        "until) " CONFIRMED "SELECT 0, n.type, n.id, 'ring:' || n.ring, CAST($1 AS BIGINT), "
        "9223372036854775807, 'member of the confirmed ring ' || n.ring || ', evidence ' || "
        "COALESCE(SUBSTR(n.evidence_hash, 1, 16), '-'), 1000000, n.since, 9223372036854775807 "
        "FROM seen n WHERE NOT EXISTS (SELECT 1 FROM spoken_for s WHERE s.ring = n.ring AND "
        "s.type = n.type AND s.id = n.id) AND NOT EXISTS (SELECT 1 FROM rs_entry e WHERE e.list = "
        "0 AND e.type = n.type AND e.id = n.id AND e.source = 'ring:' || n.ring AND e." IN_FORCE
        ") ORDER BY n.type, n.id, n.ring",
        RSI_DB_VALUES(rsi_db_int(revision)), &f->result->added_count, err));
done:
    return status;
}

static rs_status note_feedback(rsi_db *db, const feeding *f, int64_t revision, rs_error *err)
{
    rs_status status = RS_OK;
    char detail[160];
    rsi_deed deed = {.what = "feedback", .object = f->run, .detail = detail};
    snprintf(detail, sizeof detail, "suspected %" PRIu64 " added %" PRIu64 " quiet %" PRIu64,
             f->result->suspected_count, f->result->added_count, f->result->quiet_count);
    RS_TRY(rsi_outbox_note(db, revision, f->run, err));
    RS_TRY(rsi_db_run(db, "INSERT INTO rs_feedback (revision, run, undone) VALUES ($1, $2, 0)",
                      RSI_DB_VALUES(rsi_db_int(revision), rsi_db_string(f->run)), NULL, err));
    RS_TRY(rsi_audit_add(db, revision, f->act, &deed, err));
    f->result->revision = revision;
done:
    return status;
}

/* Whoever was killed behind the act learns the second time what it came to. */
static rs_status count_of_run(rsi_db *db, const feeding *f, rs_error *err)
{
    static const char *const statements[] = {
        "SELECT COUNT(*) FROM rs_verdict v, rs_feedback f WHERE f.run = $1 AND f.undone = 0 AND "
        "v.revision = f.revision AND v.action = 0",
        "SELECT COUNT(*) FROM rs_entry e, rs_feedback f WHERE f.run = $1 AND f.undone = 0 AND "
        "e.added = f.revision AND e.list = 0",
    };
    rs_status status = RS_OK;
    int64_t counts[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        RS_TRY(rsi_db_number(db, statements[i], RSI_DB_VALUES(rsi_db_string(f->run)), 0, &counts[i],
                             err));
    }
    f->result->run_suspected_count = (uint64_t)counts[0];
    f->result->run_added_count = (uint64_t)counts[1];
done:
    return status;
}

static rs_status feed_back(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const feeding *f = context;
    int64_t revision = 0;
    *f->result = (rs_feedback_result){.revision = 0};
    RS_TRY(rsi_ledger_next(db, &revision, err));
    if (f->trial) {
        RS_TRY(rsi_db_exec(db, "SAVEPOINT rs_trial", err));
    }
    RS_TRY(suspect_all(db, f, revision, err));
    RS_TRY(list_members(db, f, revision, err));
    if (f->trial) {
        RS_TRY(rsi_db_exec(db, "ROLLBACK TO SAVEPOINT rs_trial", err));
    } else if (f->result->suspected_count + f->result->added_count > 0) {
        RS_TRY(note_feedback(db, f, revision, err));
    }
    RS_TRY(count_of_run(db, f, err));
done:
    return status;
}

rs_status rs_ledger_feedback(rs_ledger *ledger, const char *run, const rs_case *cases, size_t count,
                             bool trial, const rs_act *act, rs_feedback_result *result,
                             rs_error *err)
{
    feeding f = {
        .run = run, .cases = cases, .count = count, .trial = trial, .act = act, .result = result};
    return rsi_db_write(ledger->db, RSI_LEDGER_LOCK, feed_back, &f, err);
}

/* ---- undo ------------------------------------------------------------------------------------ */

#define OF_RUN "(SELECT revision FROM rs_feedback WHERE run = $2 AND undone = 0)"

/* A suspicion that nobody has answered yet: the case stands where it stood before. */
static rs_status withdraw(rsi_db *db, const feeding *f, int64_t revision, rs_error *err)
{
    return rsi_db_run(
        db,
        "INSERT INTO rs_verdict (subject, revision, action, state, who, person, eyes, run, as_of, "
        "evidence_hash, evidence) SELECT v.subject, CAST($1 AS BIGINT), 1, COALESCE(p.state, 0), "
        "CAST($3 AS TEXT), '', 0, v.run, v.as_of, p.evidence_hash, COALESCE(p.evidence, 0) FROM "
        "rs_verdict v LEFT JOIN rs_verdict p ON p.subject = v.subject AND p.revision = (SELECT "
        "MAX(w.revision) FROM rs_verdict w WHERE w.subject = v.subject AND w.revision < "
        "v.revision) WHERE v.action = 0 AND v.revision IN " OF_RUN
        " AND NOT EXISTS (SELECT 1 FROM rs_verdict w WHERE w.subject = v.subject AND w.revision > "
        "v.revision)",
        RSI_DB_VALUES(rsi_db_int(revision), rsi_db_string(f->run), rsi_db_string(f->act->who)),
        &f->result->suspected_count, err);
}

static rs_status undo(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const feeding *f = context;
    int64_t revision = 0;
    uint64_t undone = 0;
    char detail[120];
    *f->result = (rs_feedback_result){.revision = 0};
    RS_TRY(rsi_ledger_next(db, &revision, err));
    RS_TRY(rsi_db_run(
        db, "UPDATE rs_entry SET removed = $1 WHERE list = 0 AND " IN_FORCE " AND added IN " OF_RUN,
        RSI_DB_VALUES(rsi_db_int(revision), rsi_db_string(f->run)), &f->result->removed_count,
        err));
    RS_TRY(withdraw(db, f, revision, err));
    RS_TRY(rsi_outbox_note(db, revision, f->run, err));
    RS_TRY(rsi_db_run(db, "UPDATE rs_feedback SET undone = $1 WHERE run = $2 AND undone = 0",
                      RSI_DB_VALUES(rsi_db_int(revision), rsi_db_string(f->run)), &undone, err));
    if (undone == 0) {
        status = rs_fail(err, RS_ENOTFOUND, "nothing was fed back for run \"%.64s\"", f->run);
        goto done;
    }
    snprintf(detail, sizeof detail, "removed %" PRIu64 " withdrawn %" PRIu64,
             f->result->removed_count, f->result->suspected_count);
    rsi_deed deed = {.what = "feedback undo", .object = f->run, .detail = detail};
    RS_TRY(rsi_audit_add(db, revision, f->act, &deed, err));
    f->result->revision = revision;
done:
    return status;
}

rs_status rs_ledger_undo(rs_ledger *ledger, const char *run, const rs_act *act,
                         rs_feedback_result *result, rs_error *err)
{
    feeding f = {.run = run, .act = act, .result = result};
    return rsi_db_write(ledger->db, RSI_LEDGER_LOCK, undo, &f, err);
}
