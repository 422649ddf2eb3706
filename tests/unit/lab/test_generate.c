/* Data sets: the same bytes again, counts as asked, and a truth that the other files bear out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/csv.h"
#include "lab/ids.h"
#include "ringscope/lab.h"

static const char *const names[] = {"logins.csv",    "instruments.csv", "payments.csv",
                                    "blacklist.csv", "whitelist.csv",   "truth.csv",
                                    "mapping.json",  "README.md"};
#define NAME_COUNT (sizeof names / sizeof names[0])

static char *new_folder(void)
{
    char *path = calloc(1, 64);
    assert_non_null(path);
    snprintf(path, 64, "/tmp/rs-generate-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static void remove_set(char *dir)
{
    char path[256];
    for (size_t i = 0; i < NAME_COUNT; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

static char *generate(const rs_generate_options *options, unsigned threads,
                      rs_generate_result *result)
{
    char *dir = new_folder();
    rs_error err = {0};
    rs_work work = {.threads = threads};
    if (rs_generate(dir, options, &work, result, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    return dir;
}

static char *read_file(const char *dir, const char *name, size_t *length)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat info;
    assert_int_equal(fstat(fileno(file), &info), 0);
    *length = (size_t)info.st_size;
    char *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    bytes[*length] = '\0';
    fclose(file);
    return bytes;
}

static bool same_file(const char *a, const char *b, const char *name)
{
    size_t length_a, length_b;
    char *bytes_a = read_file(a, name, &length_a), *bytes_b = read_file(b, name, &length_b);
    bool same = length_a == length_b && memcmp(bytes_a, bytes_b, length_a) == 0;
    free(bytes_a);
    free(bytes_b);
    return same;
}

static void gives_the_same_bytes_again_whatever_the_threads(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 3000;
    options.world = 2;
    options.blacklist_noise = 0.2;
    char *one = generate(&options, 1, NULL), *two = generate(&options, 2, NULL);
    options.seed = 2;
    char *other = generate(&options, 1, NULL);
    for (size_t i = 0; i < NAME_COUNT; i++) {
        assert_true(same_file(one, two, names[i]));
        if (strcmp(names[i], "mapping.json") != 0) {
            assert_false(same_file(one, other, names[i]));
        }
    }
    remove_set(one);
    remove_set(two);
    remove_set(other);
}

/* ---- reading a set back -----------------------------------------------------------------------
 */

struct table {
    rsi_csv *csv;
    const rs_text *fields;
    uint64_t line;
};

static struct table open_table(const char *dir, const char *name, const char *header)
{
    char path[256], found[256] = "";
    struct table t = {0};
    rs_error err = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(rsi_csv_open(&t.csv, path, &err), RS_OK);
    size_t count = 0;
    const rs_text *head = rsi_csv_header(t.csv, &count);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%.*s", i == 0 ? "" : ",",
                 (int)head[i].length, head[i].bytes);
    }
    assert_string_equal(found, header);
    return t;
}

static bool next(struct table *t)
{
    rs_error err = {0};
    if (rsi_csv_next(t->csv, &t->fields, &t->line, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    if (t->fields == NULL) {
        rsi_csv_close(t->csv);
    }
    return t->fields != NULL;
}

static uint32_t number_of(rsi_ids *ids, rs_text text)
{
    uint32_t number = 0;
    bool is_new = false;
    rs_error err = {0};
    assert_int_equal(rsi_ids_add(ids, text, &number, &is_new, &err), RS_OK);
    return number;
}

static uint64_t count_of(rs_text text)
{
    uint64_t value = 0;
    assert_in_range(text.length, 1, 18);
    for (size_t i = 0; i < text.length; i++) {
        assert_in_range(text.bytes[i], '0', '9');
        value = value * 10 + (uint64_t)(text.bytes[i] - '0');
    }
    return value;
}

static bool is(rs_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

#define TRUTH_HEAD "account,ring,kind,hiding,role,lookalike,group"

static void writes_about_as_much_as_was_asked_for(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 10000;
    options.ring_share = 0.02;
    options.known_share = 0.1;
    options.blacklist_noise = 0.5;
    rs_generate_result r;
    char *dir = generate(&options, 1, &r);
    rsi_ids accounts = {0}, rings = {0}, groups = {0};
    uint64_t ring_accounts = 0, logins = 0, instruments = 0, payments = 0, shops = 0;
    assert_int_equal(r.ring_account_count, 200);
    assert_int_equal(r.blacklist_count, 40); /* 20 true ones, 20 wrong ones */
    struct table t = open_table(dir, "truth.csv", TRUTH_HEAD);
    while (next(&t)) {
        uint32_t before = accounts.count;
        assert_int_equal(number_of(&accounts, t.fields[0]), before); /* nobody stands twice */
        if (t.fields[1].length > 0) {
            number_of(&rings, t.fields[1]);
            ring_accounts++;
            assert_true(t.fields[2].length > 0 && t.fields[3].length > 0);
            assert_int_equal(t.fields[5].length, 0);
        } else {
            number_of(&groups, t.fields[6]);
            assert_true(t.fields[5].length > 0);
            shops += is(t.fields[5], "shop") ? 1 : 0;
        }
    }
    assert_int_equal(ring_accounts, r.ring_account_count);
    assert_int_equal(rings.count, r.ring_count);
    assert_int_equal(groups.count, r.group_count + shops);
    for (t = open_table(dir, "logins.csv", "account,device,ip,ts"); next(&t); logins++) {
        number_of(&accounts, t.fields[0]);
    }
    for (t = open_table(dir, "instruments.csv", "account,card,phone,ts"); next(&t); instruments++) {
        number_of(&accounts, t.fields[0]);
    }
    for (t = open_table(dir, "payments.csv", "payer,payee,ts,amount"); next(&t); payments++) {
        number_of(&accounts, t.fields[0]);
        number_of(&accounts, t.fields[1]);
    }
    assert_int_equal(logins, r.login_count);
    assert_int_equal(instruments, r.instrument_count);
    assert_int_equal(payments, r.payment_count);
    assert_int_equal(accounts.count, 10000); /* no id stands for two, none is missing */
    rsi_ids_free(&accounts);
    rsi_ids_free(&rings);
    rsi_ids_free(&groups);
    remove_set(dir);
}

static void lists_ring_accounts_and_the_asked_share_of_wrong_ones(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 10000;
    options.blacklist_noise = 0.2;
    rs_generate_result r;
    char *dir = generate(&options, 1, &r);
    rsi_ids in_ring = {0}, listed = {0};
    uint64_t right = 0, wrong = 0;
    struct table t = open_table(dir, "truth.csv", TRUTH_HEAD);
    while (next(&t)) {
        if (t.fields[1].length > 0) {
            number_of(&in_ring, t.fields[0]);
        }
    }
    t = open_table(dir, "blacklist.csv", "type,id,reason,strength,since");
    while (next(&t)) {
        uint32_t before = listed.count;
        assert_true(is(t.fields[0], "account"));
        assert_int_equal(number_of(&listed, t.fields[1]), before);
        bool ring = rsi_ids_find(&in_ring, t.fields[1]) != RSI_NO_ID;
        right += ring ? 1 : 0;
        wrong += ring ? 0 : 1;
        assert_int_equal(t.fields[4].length, 10);
        assert_true(memcmp(t.fields[4].bytes, "2026-03-", 8) == 0);
    }
    assert_int_equal(right, 8);
    assert_int_equal(wrong, 2);
    t = open_table(dir, "whitelist.csv", "type,id,reason,strength,since");
    while (next(&t)) {
        assert_int_equal(rsi_ids_find(&in_ring, t.fields[1]), RSI_NO_ID);
    }
    rsi_ids_free(&in_ring);
    rsi_ids_free(&listed);
    remove_set(dir);
}

static void writes_rows_in_order_of_time(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 2000;
    options.nights = 9;
    char *dir = generate(&options, 1, NULL);
    static const struct {
        const char *name, *header;
        size_t ts;
        uint64_t first;
    } rows[] = {{"logins.csv", "account,device,ip,ts", 3, 1772323200},
                {"instruments.csv", "account,card,phone,ts", 3, 1772323200 - 720 * 86400},
                {"payments.csv", "payer,payee,ts,amount", 2, 1772323200}};
    for (size_t i = 0; i < 3; i++) {
        uint64_t before = rows[i].first;
        struct table t = open_table(dir, rows[i].name, rows[i].header);
        while (next(&t)) {
            uint64_t ts = count_of(t.fields[rows[i].ts]);
            assert_true(ts >= before && ts < 1772323200 + 9 * 86400);
            before = ts;
        }
    }
    remove_set(dir);
}

/* What the truth says is in the rows: members of an open farm share devices with others of their
 * ring. */
static void makes_open_farms_share_their_devices(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 5000;
    options.ring_share = 0.04;
    options.ring_kinds = 1u << RS_RING_DEVICE_FARM;
    options.hiding_weights[RS_HIDING_OPEN] = 1;
    char *dir = generate(&options, 1, NULL);
    enum { MOST = 1 << 16 };
    rsi_ids accounts = {0}, devices = {0}, rings = {0};
    uint32_t *ring = calloc(MOST, sizeof *ring), *owner = calloc(MOST, sizeof *owner);
    uint8_t *shares = calloc(MOST, 1);
    assert_true(ring != NULL && owner != NULL && shares != NULL);
    uint32_t members = 0, sharing = 0;
    struct table t = open_table(dir, "truth.csv", TRUTH_HEAD);
    while (next(&t)) {
        if (t.fields[1].length > 0) {
            assert_true(is(t.fields[2], "device_farm") && is(t.fields[3], "open"));
            ring[number_of(&accounts, t.fields[0])] = 1 + number_of(&rings, t.fields[1]);
            members++;
        }
    }
    for (t = open_table(dir, "logins.csv", "account,device,ip,ts"); next(&t);) {
        uint32_t account = number_of(&accounts, t.fields[0]);
        uint32_t device = number_of(&devices, t.fields[1]);
        assert_true(account < MOST && device < MOST);
        if (owner[device] != 0 && owner[device] != account + 1 && ring[account] != 0 &&
            ring[account] == ring[owner[device] - 1]) {
            sharing += shares[account] == 0 ? 1 : 0;
            shares[account] = 1;
        }
        owner[device] = owner[device] == 0 ? account + 1 : owner[device];
    }
    assert_int_equal(members, 200);
    assert_true(sharing > 100);
    free(ring);
    free(owner);
    free(shares);
    rsi_ids_free(&accounts);
    rsi_ids_free(&devices);
    rsi_ids_free(&rings);
    remove_set(dir);
}

static void makes_nights_without_rings(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 1000;
    options.ring_share = 0;
    rs_generate_result r;
    char *dir = generate(&options, 1, &r);
    assert_int_equal(r.ring_count, 0);
    assert_int_equal(r.blacklist_count, 0);
    assert_true(r.login_count > 3000 && r.payment_count > 3000);
    struct table t = open_table(dir, "truth.csv", TRUTH_HEAD);
    while (next(&t)) {
        assert_int_equal(t.fields[1].length, 0);
    }
    remove_set(dir);
}

static void keeps_to_the_kinds_it_was_asked_for(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < RS_RING_KIND_COUNT; kind++) {
        rs_generate_options options = RS_GENERATE_DEFAULTS;
        options.account_count = 1000;
        options.ring_share = 0.1;
        options.ring_kinds = 1u << kind;
        options.lookalikes = 1u << RS_LOOKALIKE_FAMILY;
        options.hiding_weights[RS_HIDING_HIDDEN] = 1;
        char *dir = generate(&options, 1, NULL);
        struct table t = open_table(dir, "truth.csv", TRUTH_HEAD);
        uint32_t members = 0;
        while (next(&t)) {
            bool ring = t.fields[1].length > 0;
            members += ring ? 1 : 0;
            assert_true(ring ? is(t.fields[2], rs_ring_kind_name((rs_ring_kind)kind)) &&
                                   is(t.fields[3], "hidden")
                             : is(t.fields[5], "family"));
        }
        assert_int_equal(members, 100);
        remove_set(dir);
    }
}

static void survives_the_smallest_and_strangest_options(void **state)
{
    (void)state;
    static const struct {
        uint64_t accounts, seed;
        double ring_share, known;
        uint32_t nights;
        unsigned world;
    } rows[] = {{100, 0, 0.5, 1, 7, 2},
                {101, UINT64_MAX, 0.04, 1, 7, 1},
                {777, 1, 0.5, 0, 400, 2},
                {103, 5, 0.01, 1, 31, 2},
                {500, 9, 0.3, 0.5, 8, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_generate_options options = RS_GENERATE_DEFAULTS;
        options.account_count = rows[i].accounts;
        options.seed = rows[i].seed;
        options.ring_share = rows[i].ring_share;
        options.known_share = rows[i].known;
        options.nights = rows[i].nights;
        options.world = rows[i].world;
        rs_generate_result r;
        remove_set(generate(&options, 1, &r));
        double wanted = (double)rows[i].accounts * rows[i].ring_share;
        assert_true(wanted < 4 ? r.ring_account_count == 0
                               : fabs((double)r.ring_account_count - wanted) <= 0.5);
    }
}

static void refuses_options_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        rs_generate_options options;
        const char *message;
    } rows[] = {
        {{.account_count = 99, .nights = 30, .world = 1},
         "accounts must be 100 to 50000000, not 99"},
        {{.account_count = 50000001, .nights = 30, .world = 1}, "not 50000001"},
        {{.account_count = 100, .nights = 6, .world = 1}, "nights must be 7 to 3650, not 6"},
        {{.account_count = 100, .nights = 30, .world = 3}, "there are worlds 1 and 2, not 3"},
        {{.account_count = 100, .nights = 30, .world = 1, .ring_share = 0.6},
         "ring share must be 0 to 0.5, not 0.6"},
        {{.account_count = 100, .nights = 30, .world = 1, .known_share = -0.1},
         "known share must be 0 to 1, not -0.1"},
        {{.account_count = 100, .nights = 30, .world = 1, .blacklist_noise = 1},
         "blacklist noise must be 0 to 0.9, not 1"},
        {{.account_count = 100, .nights = 30, .world = 1, .ring_kinds = 32}, "unknown bit"},
        {{.account_count = 100, .nights = 30, .world = 1, .hiding_weights = {0, 1001, 0}},
         "hiding weights must be 0 to 1000, not 1001"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rs_error err = {0};
        assert_int_equal(rs_generate("/nowhere/at/all", &rows[i].options, NULL, NULL, &err),
                         RS_EUSAGE);
        assert_non_null(strstr(err.message, rows[i].message));
    }
    rs_generate_options good = RS_GENERATE_DEFAULTS;
    rs_error err = {0};
    assert_int_equal(rs_generate("/nowhere/at/all", &good, NULL, NULL, &err), RS_EIO);
    assert_non_null(strstr(err.message, "cannot make folder \"/nowhere/at/all\""));
}

static int stop(void *context, const rs_progress *now)
{
    (void)context;
    return now->done >= 3;
}

static void leaves_nothing_when_it_is_stopped(void **state)
{
    (void)state;
    rs_generate_options options = RS_GENERATE_DEFAULTS;
    options.account_count = 500;
    rs_work work = {.progress = stop};
    rs_error err = {0};
    char *dir = new_folder();
    assert_int_equal(rs_generate(dir, &options, &work, NULL, &err), RS_EINTERRUPTED);
    assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
    options.night_folders = true;
    assert_int_equal(rs_generate(dir, &options, &work, NULL, &err), RS_EINTERRUPTED);
    assert_int_equal(access(dir, F_OK), -1); /* it was made, so it is gone */
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_bytes_again_whatever_the_threads),
        cmocka_unit_test(writes_about_as_much_as_was_asked_for),
        cmocka_unit_test(lists_ring_accounts_and_the_asked_share_of_wrong_ones),
        cmocka_unit_test(writes_rows_in_order_of_time),
        cmocka_unit_test(makes_open_farms_share_their_devices),
        cmocka_unit_test(makes_nights_without_rings),
        cmocka_unit_test(keeps_to_the_kinds_it_was_asked_for),
        cmocka_unit_test(survives_the_smallest_and_strangest_options),
        cmocka_unit_test(refuses_options_that_cannot_be),
        cmocka_unit_test(leaves_nothing_when_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
