/* verdicts.c - what people decide about rings and nodes, and where a case stands.
 *
 * Verdicts are rows that are only ever added; the last one on a case is where it stands. Members of
 * a ring are kept with each verdict, as its giver saw them. A member is confirmed when enough
 * different people confirmed the ring, with it in it, since the ring was last anything else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "feedback/ledger.h"
#include "feedback/states.h"
#include "feedback/verdicts.h"

enum { PERSON_MAX = 200 };

/* ---- settings -------------------------------------------------------------------------------- */

static const struct setting {
    const char *name;
    int64_t min, max, preset;
} settings[] = {
    [RS_SETTING_FOUR_EYES] = {"four_eyes", 0, 1, 1},
    [RS_SETTING_QUIET_GROWTH] = {"quiet_growth", 0, 1000000, 50},
};

rs_status rsi_setting_read(rsi_db *db, rs_ledger_setting which, int64_t *value, rs_error *err)
{
    return rsi_db_number(
        db, "SELECT value FROM rs_setting WHERE name = $1 ORDER BY revision DESC LIMIT 1",
        RSI_DB_VALUES(rsi_db_string(settings[which].name)), settings[which].preset, value, err);
}

typedef struct setting_call {
    rs_ledger_setting which;
    int64_t *value;
    int64_t wanted;
    const rs_act *act;
} setting_call;

static rs_status get_setting(rsi_db *db, void *context, rs_error *err)
{
    const setting_call *call = context;
    return rsi_setting_read(db, call->which, call->value, err);
}

rs_status rs_ledger_setting_get(rs_ledger *ledger, rs_ledger_setting which, int64_t *value,
                                rs_error *err)
{
    setting_call call = {.which = which, .value = value};
    return rsi_db_read(ledger->db, get_setting, &call, err);
}

static rs_status set_setting(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const setting_call *call = context;
    int64_t revision = 0;
    int64_t before = 0;
    char detail[80];
    RS_TRY(rsi_ledger_next(db, &revision, err));
    RS_TRY(rsi_setting_read(db, call->which, &before, err));
    if (before == call->wanted) {
        goto done;
    }
    RS_TRY(rsi_db_run(db, "INSERT INTO rs_setting VALUES ($1, $2, $3)",
                      RSI_DB_VALUES(rsi_db_string(settings[call->which].name), rsi_db_int(revision),
                                    rsi_db_int(call->wanted)),
                      NULL, err));
    snprintf(detail, sizeof detail, "%s was %" PRId64 " is %" PRId64, settings[call->which].name,
             before, call->wanted);
    rsi_deed deed = {.what = "setting", .detail = detail};
    RS_TRY(rsi_audit_add(db, revision, call->act, &deed, err));
done:
    return status;
}

rs_status rs_ledger_setting_set(rs_ledger *ledger, rs_ledger_setting which, int64_t value,
                                const rs_act *act, rs_error *err)
{
    const struct setting *s = &settings[which];
    setting_call call = {.which = which, .wanted = value, .act = act};
    if (value < s->min || value > s->max) {
        return rs_fail(err, RS_EUSAGE, "%s is out of range (expected %" PRId64 " to %" PRId64 ")",
                       s->name, s->min, s->max);
    }
    return rsi_db_write(ledger->db, RSI_LEDGER_LOCK, set_setting, &call, err);
}

/* ---- where a case stands --------------------------------------------------------------------- */

/* Beyond this evidence a cleared case is loud again. */
static rs_status read_loudness(rsi_db *db, rs_standing *standing, rs_error *err)
{
    int64_t growth = 0;
    rs_status status = rsi_setting_read(db, RS_SETTING_QUIET_GROWTH, &growth, err);
    standing->loud_at = standing->evidence > INT64_MAX / (100 + growth)
                            ? INT64_MAX
                            : standing->evidence * (100 + growth) / 100;
    return status;
}

rs_status rsi_standing_read(rsi_db *db, rs_text subject, int64_t evidence, rs_standing *standing,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rows *rows = NULL;
    bool have = false;
    *standing = (rs_standing){.state = RS_STATE_NONE};
    RS_TRY(rsi_db_query(&rows, db,
                        "SELECT state, revision, evidence FROM rs_verdict WHERE subject = $1 "
                        "ORDER BY revision DESC LIMIT 1",
                        RSI_DB_VALUES(rsi_db_text(subject)), err));
    RS_TRY(rsi_rows_next(rows, &have, err));
    if (have) {
        int64_t state = rsi_rows_int(rows, 0, -1);
        if (state < 0 || state >= RS_STATES) {
            status = rs_fail(err, RS_ECORRUPT, "%s: a verdict has no state", rsi_db_name(db));
            goto done;
        }
        standing->state = (rs_state)state;
        standing->revision = rsi_rows_int(rows, 1, 0);
        standing->evidence = rsi_rows_int(rows, 2, 0);
    }
    if (standing->state == RS_STATE_CLEARED) {
        RS_TRY(read_loudness(db, standing, err));
        standing->quiet = evidence <= standing->loud_at;
    }
done:
    rsi_rows_close(rows);
    return status;
}

typedef struct standing_call {
    rs_text subject;
    int64_t evidence;
    rs_standing *standing;
} standing_call;

static rs_status get_standing(rsi_db *db, void *context, rs_error *err)
{
    const standing_call *call = context;
    return rsi_standing_read(db, call->subject, call->evidence, call->standing, err);
}

rs_status rs_ledger_standing(rs_ledger *ledger, rs_text subject, int64_t evidence,
                             rs_standing *standing, rs_error *err)
{
    standing_call call = {.subject = subject, .evidence = evidence, .standing = standing};
    return rsi_db_read(ledger->db, get_standing, &call, err);
}

/* ---- giving one ------------------------------------------------------------------------------ */

/* Two spellings of one name are one person: blanks around it and the case of letters do not tell.
 */
static void fold_person(char out[PERSON_MAX], const char *who)
{
    size_t length = 0;
    who += strspn(who, " \t");
    for (; *who != '\0' && length + 1 < PERSON_MAX; who++) {
        out[length++] = (char)(*who >= 'A' && *who <= 'Z' ? *who - 'A' + 'a' : *who);
    }
    while (length > 0 && (out[length - 1] == ' ' || out[length - 1] == '\t')) {
        length--;
    }
    out[length] = '\0';
}

rs_status rsi_verdict_add(rsi_db *db, int64_t revision, const rs_case *about, rs_action action,
                          rs_state state, const char *who, int64_t eyes, rs_error *err)
{
    char person[PERSON_MAX];
    fold_person(person, who);
    return rsi_db_run(
        db,
        "INSERT INTO rs_verdict (subject, revision, action, state, who, person, eyes, run, as_of, "
        "evidence_hash, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        RSI_DB_VALUES(rsi_db_text(about->subject), rsi_db_int(revision), rsi_db_int(action),
                      rsi_db_int(state), rsi_db_string(who), rsi_db_string(person),
                      rsi_db_int(eyes), rsi_db_string(about->run), rsi_db_int(about->as_of),
                      rsi_db_string(about->evidence_hash), rsi_db_int(about->evidence)),
        NULL, err);
}

static rs_status add_members(rsi_db *db, int64_t revision, const rs_case *about, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_db_bulk_start(db, "rs_member", "ring, revision, type, id", 4, err));
    for (size_t i = 0; i < about->member_count; i++) {
        const rsi_db_value values[] = {rsi_db_text(about->subject), rsi_db_int(revision),
                                       rsi_db_text(about->members[i].type),
                                       rsi_db_text(about->members[i].id)};
        RS_TRY(rsi_db_bulk_row(db, values, err));
    }
    RS_TRY(rsi_db_bulk_end(db, err));
done:
    return status;
}

typedef struct giving {
    const rs_case *about;
    rs_action action;
    const rs_act *act;
    rs_verdict_result *result;
    char person[PERSON_MAX];
    int64_t eyes;
} giving;

/* How often the person confirmed it since it was last anything else. */
#define SPAN                                                                                       \
    "v.revision > COALESCE((SELECT MAX(w.revision) FROM rs_verdict w WHERE w.subject = "           \
    "v.subject AND w.action <> 3), 0)"
_Static_assert(RS_ACTION_CONFIRM == 3, "as the statements have it");

/* The members of this case that the person, or (person "") enough people, confirmed already. */
static rs_status count_seen(rsi_db *db, const giving *g, const char *person, uint64_t *count,
                            rs_error *err)
{
    rs_status status = RS_OK;
    *count = 0;
    for (size_t i = 0; i < g->about->member_count; i++) {
        int64_t seen = 0;
        RS_TRY(rsi_db_number(
            db,
            "SELECT CASE WHEN MIN(v.eyes) = 1 THEN 2 ELSE COUNT(DISTINCT v.person) END FROM "
            "rs_verdict v JOIN rs_member m ON m.ring = v.subject AND m.revision = v.revision WHERE "
            "v.subject = $1 AND m.type = $2 AND m.id = $3 AND ($4 = '' OR v.person = $4) AND " SPAN,
            RSI_DB_VALUES(rsi_db_text(g->about->subject), rsi_db_text(g->about->members[i].type),
                          rsi_db_text(g->about->members[i].id), rsi_db_string(person)),
            0, &seen, err));
        *count += seen >= (person[0] == '\0' ? 2 : 1);
    }
done:
    return status;
}

static rs_status check_another(rsi_db *db, const giving *g, rs_error *err)
{
    int64_t before = 0;
    rs_status status = rsi_db_number(
        db, "SELECT COUNT(*) FROM rs_verdict v WHERE v.subject = $1 AND v.person = $2 AND " SPAN,
        RSI_DB_VALUES(rsi_db_text(g->about->subject), rsi_db_string(g->person)), 0, &before, err);
    return status != RS_OK || before == 0 || g->eyes == 1
               ? status
               : rs_fail(err, RS_EINPUT,
                         "\"%.200s\" has confirmed \"%.*s\" already: another person has to",
                         g->act->who, (int)g->about->subject.length, g->about->subject.bytes);
}

static rs_status check_more(rsi_db *db, const giving *g, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t enough = 0;
    uint64_t own = 0;
    RS_TRY(count_seen(db, g, "", &enough, err));
    RS_TRY(count_seen(db, g, g->person, &own, err));
    if (enough == g->about->member_count) {
        status = rs_fail(err, RS_EINPUT, "\"%.*s\" is confirmed already",
                         (int)g->about->subject.length, g->about->subject.bytes);
    } else if (own == g->about->member_count) {
        status = rs_fail(err, RS_EINPUT,
                         "\"%.200s\" has confirmed all members of \"%.*s\" already: another person "
                         "has to",
                         g->act->who, (int)g->about->subject.length, g->about->subject.bytes);
    }
done:
    return status;
}

static rs_status find_move(rsi_db *db, const giving *g, rs_state *to, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_move *move = rsi_move_of(g->result->from, g->action);
    if (move == NULL || move->guard == RSI_MACHINE || move->guard == RSI_GROWN) {
        return rs_fail(err, RS_EINPUT, "\"%.*s\" is %s: \"%s\" is not possible there",
                       (int)g->about->subject.length, g->about->subject.bytes,
                       rs_state_name(g->result->from), rs_action_name(g->action));
    }
    if (move->guard == RSI_ANOTHER) {
        RS_TRY(check_another(db, g, err));
    } else if (move->guard == RSI_MORE) {
        RS_TRY(check_more(db, g, err));
    }
    *to = move->to == RS_STATE_CONFIRMED_ONCE && g->eyes == 1 ? RS_STATE_CONFIRMED : move->to;
done:
    return status;
}

/* A confirmed node goes on the blacklist at once; who is cleared goes off it, as far as the case
 * had put it there. */
static rs_status follow_up(rsi_db *db, const giving *g, int64_t revision, rs_error *err)
{
    rs_status status = RS_OK;
    rs_verdict_result *result = g->result;
    rs_text subject = g->about->subject;
    const char *colon = memchr(subject.bytes, ':', subject.length);
    char source[64] = "verdict";
    if (colon == NULL) {
        snprintf(source, sizeof source, "ring:%.*s", (int)subject.length, subject.bytes);
    }
    rs_text type = {subject.bytes, colon == NULL ? 0 : (size_t)(colon - subject.bytes)};
    rs_text id = {colon == NULL ? "" : colon + 1,
                  colon == NULL ? 0 : subject.length - type.length - 1};
    if (result->to == RS_STATE_CONFIRMED && colon != NULL) {
        RS_TRY(rsi_db_run(
            db,
            "INSERT INTO rs_entry (list, type, id, source, added, removed, reason, strength, "
            "since, until) SELECT 0, $1, $2, 'verdict', CAST($3 AS BIGINT), 9223372036854775807, "
            "$4, 1000000, CAST($5 AS BIGINT), 9223372036854775807 WHERE NOT EXISTS (SELECT 1 FROM "
            "rs_entry e WHERE e.list = 0 AND e.type = $1 AND e.id = $2 AND e.source = 'verdict' "
            "AND e.removed = 9223372036854775807)",
            RSI_DB_VALUES(rsi_db_text(type), rsi_db_text(id), rsi_db_int(revision),
                          rsi_db_string(g->act->why != NULL ? g->act->why : "confirmed by people"),
                          rsi_db_int(g->about->as_of)),
            &result->added_count, err));
    } else if (result->from != result->to && result->to != RS_STATE_CONFIRMED_ONCE) {
        RS_TRY(rsi_db_run(db,
                          "UPDATE rs_entry SET removed = $1 WHERE list = 0 AND source = $2 AND "
                          "removed = 9223372036854775807 AND ($3 = '' OR (type = $3 AND id = $4))",
                          RSI_DB_VALUES(rsi_db_int(revision), rsi_db_string(source),
                                        rsi_db_text(type), rsi_db_text(id)),
                          &result->removed_count, err));
    }
    RS_TRY(rsi_outbox_note(db, revision, g->about->run, err));
done:
    return status;
}

static rs_status give(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    giving *g = context;
    int64_t revision = 0;
    char what[40];
    char detail[160];
    char *named = NULL;
    rs_standing standing;
    *g->result = (rs_verdict_result){.from = RS_STATE_NONE};
    RS_TRY(rsi_ledger_next(db, &revision, err));
    RS_TRY(rsi_setting_read(db, RS_SETTING_FOUR_EYES, &g->eyes, err));
    g->eyes = g->eyes != 0 ? 2 : 1;
    RS_TRY(rsi_standing_read(db, g->about->subject, g->about->evidence, &standing, err));
    g->result->from = standing.state;
    RS_TRY(find_move(db, g, &g->result->to, err));
    g->result->revision = revision;
    RS_TRY(rsi_verdict_add(db, revision, g->about, g->action, g->result->to, g->act->who, g->eyes,
                           err));
    RS_TRY(add_members(db, revision, g->about, err));
    RS_TRY(follow_up(db, g, revision, err));
    snprintf(what, sizeof what, "verdict %s", rs_action_name(g->action));
    snprintf(detail, sizeof detail, "%s to %s, eyes %" PRId64 ", members %zu, evidence %.64s",
             rs_state_name(g->result->from), rs_state_name(g->result->to), g->eyes,
             g->about->member_count,
             g->about->evidence_hash != NULL ? g->about->evidence_hash : "-");
    if (asprintf(&named, "%.*s", (int)g->about->subject.length, g->about->subject.bytes) < 0) {
        named = NULL;
        status = rs_fail(err, RS_ENOMEM, "out of memory (verdict)");
        goto done;
    }
    rsi_deed deed = {.what = what, .object = named, .detail = detail};
    RS_TRY(rsi_audit_add(db, revision, g->act, &deed, err));
done:
    free(named);
    return status;
}

rs_status rs_ledger_verdict(rs_ledger *ledger, const rs_case *about, rs_action action,
                            const rs_act *act, rs_verdict_result *result, rs_error *err)
{
    giving g = {.about = about, .action = action, .act = act, .result = result};
    fold_person(g.person, act->who);
    return rsi_db_write(ledger->db, RSI_LEDGER_LOCK, give, &g, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reading {
    const char *subject;
    rs_verdict_taker take;
    void *context;
} reading;

static rs_status read_verdicts(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const reading *r = context;
    rsi_rows *rows = NULL;
    bool have = true;
    RS_TRY(rsi_db_query(
        &rows, db,
        "SELECT v.revision, v.subject, v.action, v.state, v.who, a.why, v.run, v.evidence_hash, "
        "v.evidence FROM rs_verdict v LEFT JOIN rs_audit a ON a.revision = v.revision WHERE "
        "v.subject = $1 OR ($2 = 1 AND v.revision = (SELECT MAX(w.revision) FROM rs_verdict w "
        "WHERE w.subject = v.subject)) ORDER BY v.subject, v.revision",
        RSI_DB_VALUES(rsi_db_string(r->subject != NULL ? r->subject : ""),
                      rsi_db_int(r->subject == NULL)),
        err));
    for (;;) {
        RS_TRY(rsi_rows_next(rows, &have, err));
        if (!have) {
            break;
        }
        const char *action = rs_action_name((rs_action)rsi_rows_int(rows, 2, RS_ACTIONS));
        const char *state = rs_state_name((rs_state)rsi_rows_int(rows, 3, RS_STATES));
        rs_verdict_line one = {.revision = rsi_rows_int(rows, 0, 0),
                               .subject = rsi_rows_text(rows, 1),
                               .action = {action, strlen(action)},
                               .state = {state, strlen(state)},
                               .who = rsi_rows_text(rows, 4),
                               .why = rsi_rows_text(rows, 5),
                               .run = rsi_rows_text(rows, 6),
                               .evidence_hash = rsi_rows_text(rows, 7),
                               .evidence = rsi_rows_int(rows, 8, 0)};
        RS_TRY(r->take(r->context, &one, err));
    }
done:
    rsi_rows_close(rows);
    return status;
}

rs_status rs_ledger_verdicts(rs_ledger *ledger, const char *subject, rs_verdict_taker take,
                             void *context, rs_error *err)
{
    reading r = {.subject = subject, .take = take, .context = context};
    return rsi_db_read(ledger->db, read_verdicts, &r, err);
}
