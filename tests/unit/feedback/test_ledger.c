/* The ledger in a SQLite file: what is not allowed changes nothing, equal acts make equal trails,
 * and memory that gives out leaves all or nothing. What two processes and a server do is in
 * tests/system/test_lists.py and test_verdicts.py.
 *
 * WRAP: malloc calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "feedback/states.h"
#include "ringscope/feedback.h"

static int allowed = INT32_MAX;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return allowed-- > 0 ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allowed-- > 0 ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
    return allowed-- > 0 ? __real_realloc(old, size) : NULL;
}

static char folder[] = "/tmp/ringscope-ledger-XXXXXX";
static char place[64];
static char rows[64];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int fresh(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "%s/lists", folder);
    snprintf(rows, sizeof rows, "%s/rows.csv", folder);
    return 0;
}

static int clean(void **state)
{
    char journal[80];
    (void)state;
    snprintf(journal, sizeof journal, "%s-journal", place);
    unlink(journal);
    unlink(place);
    unlink(rows);
    return 0;
}

static void ok(rs_status status, const rs_error *err)
{
    if (status != RS_OK) {
        fail_msg("%s", err->message);
    }
}

static rs_text text(const char *string)
{
    return (rs_text){string, strlen(string)};
}

static rs_act act_of(const char *who, uint8_t number)
{
    rs_act act = {.who = who, .when_unix_s = 1700000000 + number};
    memset(act.secret, number, sizeof act.secret);
    return act;
}

static void write_rows(int count)
{
    FILE *file = fopen(rows, "w");
    assert_non_null(file);
    fputs("type,id,reason\n", file);
    for (int i = 0; i < count; i++) {
        fprintf(file, "account,u%d,\"a \"\"reason\"\"\"\n", i);
    }
    assert_int_equal(fclose(file), 0);
}

static rs_ledger *open_ledger(void)
{
    rs_error err = {0};
    rs_ledger *ledger = NULL;
    ok(rs_ledger_open(&ledger, place, RS_LEDGER_WRITE, NULL, &err), &err);
    return ledger;
}

static rs_ledger_head head_of(rs_ledger *ledger)
{
    rs_error err = {0};
    rs_ledger_head head;
    ok(rs_ledger_head_read(ledger, &head, &err), &err);
    return head;
}

/* ---- states ---------------------------------------------------------------------------------- */

static void reaches_confirmed_by_people_alone(void **state)
{
    (void)state;
    for (int from = 0; from < RS_STATES; from++) {
        for (int action = 0; action < RS_ACTIONS; action++) {
            const rsi_move *move = rsi_move_of((rs_state)from, (rs_action)action);
            bool machine = action == RS_ACTION_SUSPECT || action == RS_ACTION_WITHDRAW;
            if (move == NULL) {
                continue;
            }
            assert_int_equal(move->guard == RSI_MACHINE || move->guard == RSI_GROWN, machine);
            if (move->to == RS_STATE_CONFIRMED) {
                assert_int_equal(action, RS_ACTION_CONFIRM);
                assert_true(move->guard == RSI_ANOTHER || move->guard == RSI_MORE);
                assert_true(from == RS_STATE_CONFIRMED_ONCE || from == RS_STATE_CONFIRMED);
            }
            if (machine) {
                assert_true(move->to == RS_STATE_SUSPECTED || move->to == RS_STATE_NONE);
            }
        }
        if (from != RS_STATE_CLEARED) {
            assert_non_null(rsi_move_of((rs_state)from, RS_ACTION_CLEAR));
        }
        assert_string_not_equal(rs_state_name((rs_state)from), "unknown");
    }
    assert_null(rsi_move_of(RS_STATE_CONFIRMED, RS_ACTION_SUSPECT));
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static const rs_case_member three[] = {
    {{"account", 7}, {"a", 1}}, {{"account", 7}, {"b", 1}}, {{"account", 7}, {"c", 1}}};

static rs_case ring_of(size_t members, int64_t evidence)
{
    return (rs_case){.subject = text("R-1234567890abc"),
                     .run = "run",
                     .as_of = RS_ALWAYS,
                     .evidence_hash = "e",
                     .evidence = evidence,
                     .members = three,
                     .member_count = members};
}

static rs_status give(rs_ledger *ledger, const rs_case *about, rs_action action, const char *who,
                      rs_error *err)
{
    static uint8_t number = 0;
    rs_verdict_result result;
    rs_act act = act_of(who, ++number);
    return rs_ledger_verdict(ledger, about, action, &act, &result, err);
}

static uint64_t feed(rs_ledger *ledger, const rs_case *about)
{
    rs_error err = {0};
    rs_feedback_result result;
    rs_act act = act_of("ringscope", 200);
    ok(rs_ledger_feedback(ledger, "run", about, 1, false, &act, &result, &err), &err);
    return result.added_count;
}

static void lists_only_members_whom_two_people_saw(void **state)
{
    (void)state;
    rs_error err = {0};
    rs_ledger *ledger = open_ledger();
    rs_case two = ring_of(2, 10);
    rs_case grown = ring_of(3, 12);
    ok(give(ledger, &two, RS_ACTION_CONFIRM, "anna", &err), &err);
    assert_int_equal(feed(ledger, &grown), 0);
    ok(give(ledger, &grown, RS_ACTION_CONFIRM, "bob", &err), &err);
    assert_int_equal(feed(ledger, &grown), 2); /* anna has not seen the third */
    assert_int_equal(feed(ledger, &grown), 0);
    assert_int_equal(give(ledger, &grown, RS_ACTION_CONFIRM, "Bob", &err), RS_EINPUT);
    assert_non_null(strstr(err.message, "has confirmed all members"));
    ok(give(ledger, &grown, RS_ACTION_CONFIRM, "anna", &err), &err);
    assert_int_equal(feed(ledger, &grown), 1);
    assert_int_equal(give(ledger, &grown, RS_ACTION_CONFIRM, "carla", &err), RS_EINPUT);
    /* What was confirmed before it was cleared does not count after. */
    ok(give(ledger, &grown, RS_ACTION_CLEAR, "dora", &err), &err);
    ok(give(ledger, &grown, RS_ACTION_CONFIRM, "anna", &err), &err);
    assert_int_equal(feed(ledger, &grown), 0);
    rs_ledger_close(ledger);
}

static void tells_of_a_run_the_same_however_often_it_is_fed_back(void **state)
{
    (void)state;
    rs_error err = {0};
    rs_feedback_result result;
    rs_act act = act_of("ringscope", 201);
    rs_ledger *ledger = open_ledger();
    rs_case cases[] = {ring_of(2, 10), ring_of(0, 3)};
    cases[1].subject = text("R-other");
    ok(give(ledger, &cases[0], RS_ACTION_CONFIRM, "anna", &err), &err);
    ok(give(ledger, &cases[0], RS_ACTION_CONFIRM, "bob", &err), &err);
    for (int time = 0; time < 2; time++) {
        int first = time == 0;
        ok(rs_ledger_feedback(ledger, "run", cases, 2, false, &act, &result, &err), &err);
        assert_int_equal(result.added_count, 2 * first);
        assert_int_equal(result.suspected_count, first);
        assert_int_equal(result.run_added_count, 2);
        assert_int_equal(result.run_suspected_count, 1);
    }
    ok(rs_ledger_feedback(ledger, "next", cases, 2, false, &act, &result, &err), &err);
    assert_int_equal(result.run_added_count + result.run_suspected_count, 0);
    ok(rs_ledger_undo(ledger, "run", &act, &result, &err), &err);
    ok(rs_ledger_feedback(ledger, "next", cases, 2, false, &act, &result, &err), &err);
    assert_int_equal(result.run_added_count, 2);
    assert_int_equal(result.run_suspected_count, 1);
    rs_ledger_close(ledger);
}

static void keeps_a_cleared_ring_quiet_until_it_has_grown(void **state)
{
    (void)state;
    rs_error err = {0};
    rs_standing now;
    rs_ledger *ledger = open_ledger();
    rs_case before = ring_of(2, 10);
    ok(give(ledger, &before, RS_ACTION_CLEAR, "anna", &err), &err);
    static const struct {
        int64_t evidence;
        bool quiet;
    } table[] = {{0, true}, {10, true}, {15, true}, {16, false}, {INT64_MAX, false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ok(rs_ledger_standing(ledger, before.subject, table[i].evidence, &now, &err), &err);
        assert_int_equal(now.quiet, table[i].quiet);
        assert_int_equal(now.loud_at, 15);
    }
    rs_case grown = ring_of(3, 15);
    feed(ledger, &grown);
    ok(rs_ledger_standing(ledger, before.subject, 15, &now, &err), &err);
    assert_int_equal(now.state, RS_STATE_CLEARED);
    grown.evidence = 16;
    feed(ledger, &grown);
    ok(rs_ledger_standing(ledger, before.subject, 16, &now, &err), &err);
    assert_int_equal(now.state, RS_STATE_SUSPECTED);
    /* Undone, it is as quiet as before. */
    rs_feedback_result result;
    rs_act act = act_of("anna", 201);
    ok(rs_ledger_undo(ledger, "run", &act, &result, &err), &err);
    ok(rs_ledger_standing(ledger, before.subject, 15, &now, &err), &err);
    assert_int_equal(now.state, RS_STATE_CLEARED);
    assert_true(now.quiet);
    rs_ledger_close(ledger);
}

/* ---- the trail ------------------------------------------------------------------------------- */

static rs_status import_rows(rs_ledger *ledger, uint8_t number, rs_import_result *result,
                             rs_error *err)
{
    rs_act act = act_of("anna", number);
    rs_import_options how = {.list = RS_BLACKLIST, .source = "s"};
    return rs_ledger_import(ledger, rows, &how, &act, result, err);
}

static void makes_equal_trails_of_equal_acts(void **state)
{
    (void)state;
    rs_ledger_head heads[2];
    for (int i = 0; i < 2; i++) {
        rs_error err = {0};
        rs_import_result result;
        rs_audit_result audit;
        rs_ledger *ledger = open_ledger();
        write_rows(20);
        ok(import_rows(ledger, 1, &result, &err), &err);
        rs_import_free(&result);
        write_rows(30);
        ok(import_rows(ledger, 2, &result, &err), &err);
        assert_int_equal(result.added_count, 10);
        assert_int_equal(result.same_count, 20);
        rs_import_free(&result);
        heads[i] = head_of(ledger);
        ok(rs_ledger_verify(ledger, heads, (size_t)i + 1, &audit, &err), &err);
        assert_int_equal(audit.problem_count, 0);
        assert_int_equal(audit.line_count, 2);
        rs_audit_free(&audit);
        rs_ledger_close(ledger);
        clean(state);
    }
    assert_string_equal(heads[0].hash, heads[1].hash);
    assert_int_equal(heads[0].revision, 2);
}

static void erases_without_breaking_the_trail(void **state)
{
    (void)state;
    rs_error err = {0};
    uint64_t count = 0;
    rs_import_result result;
    rs_audit_result audit;
    rs_ledger *ledger = open_ledger();
    rs_act act = act_of("anna", 1);
    rs_import_options how = {.list = RS_WHITELIST, .source = "s"};
    rs_entry entry = {.type = text("account"),
                      .id = text("u1"),
                      .source = text("s"),
                      .reason = text(""),
                      .strength = 1000000,
                      .since = RS_ALWAYS,
                      .until = RS_NEVER};
    ok(rs_ledger_add(ledger, &entry, &how, &act, &result, &err), &err);
    rs_import_free(&result);
    act = act_of("anna", 2);
    ok(rs_ledger_erase(ledger, entry.type, entry.id, &act, &count, &err), &err);
    assert_int_equal(count, 2); /* the entry, and its line of the trail */
    ok(rs_ledger_erase(ledger, entry.type, entry.id, &act, &count, &err), &err);
    assert_int_equal(count, 0);
    ok(rs_ledger_verify(ledger, NULL, 0, &audit, &err), &err);
    assert_int_equal(audit.problem_count, 0);
    assert_int_equal(audit.line_count, 2);
    rs_audit_free(&audit);
    rs_ledger_close(ledger);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    write_rows(40);
    rs_ledger_close(open_ledger()); /* what SQLite needs once and for all */
    rs_status status = RS_ENOMEM;
    int tries = 0;
    for (; status != RS_OK && tries < 100000; tries++) {
        rs_error err = {0};
        rs_ledger *ledger = NULL;
        rs_import_result result = {.row_count = 0};
        allowed = tries;
        status = rs_ledger_open(&ledger, place, RS_LEDGER_WRITE, NULL, &err);
        if (status == RS_OK) {
            status = import_rows(ledger, 1, &result, &err);
        }
        allowed = INT32_MAX;
        rs_ledger_close(ledger);
        rs_import_free(&result);
        if (status != RS_OK) {
            assert_int_equal(status, RS_ENOMEM);
            ledger = open_ledger();
            assert_int_equal(head_of(ledger).revision, 0);
            rs_ledger_close(ledger);
        }
    }
    assert_int_equal(status, RS_OK);
    assert_true(tries > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_confirmed_by_people_alone),
        cmocka_unit_test_setup_teardown(lists_only_members_whom_two_people_saw, fresh, clean),
        cmocka_unit_test_setup_teardown(tells_of_a_run_the_same_however_often_it_is_fed_back, fresh,
                                        clean),
        cmocka_unit_test_setup_teardown(keeps_a_cleared_ring_quiet_until_it_has_grown, fresh,
                                        clean),
        cmocka_unit_test_setup_teardown(makes_equal_trails_of_equal_acts, fresh, clean),
        cmocka_unit_test_setup_teardown(erases_without_breaking_the_trail, fresh, clean),
        cmocka_unit_test_setup_teardown(survives_every_failed_allocation, fresh, clean),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
