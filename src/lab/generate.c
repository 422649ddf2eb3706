/* generate.c - the data set, slot by slot: make a slot's rows, put them in order, write them,
 * forget them.
 *
 * A slot is a month of the history before the first night (cards and phones only) or one night.
 * Memory: a group number an account, the planned rows of all groups (a few per cent of the rows),
 * one slot's rows. SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/try.h"
#include "lab/world.h"
#include "ringscope/lab.h"

enum table { LOGINS, INSTRUMENTS, PAYMENTS, TABLE_COUNT };

static const char *const table_names[TABLE_COUNT] = {"logins.csv", "instruments.csv",
                                                     "payments.csv"};
static const char *const table_heads[TABLE_COUNT] = {
    "account,device,ip,ts\n", "account,card,phone,ts\n", "payer,payee,ts,amount\n"};

struct job {
    const char *dir;
    const rs_work *work;
    rsi_world world;
    rsi_rows planned[TABLE_COUNT]; /* by the groups' scripts, in order of time */
    size_t planned_done[TABLE_COUNT];
    rsi_rows rows[TABLE_COUNT]; /* of the slot */
    rsi_sheet sheets[TABLE_COUNT];
    uint32_t nights_begun;
    bool folder_made;
    rs_generate_result result;
};

/* ---- options ------------------------------------------------------------------------------ */

static bool is_share(double share, double most)
{
    return share >= 0 && share <= most; /* false for NaN */
}

static rs_status check_options(const rs_generate_options *o, rs_error *err)
{
    if (o->account_count < 100 || o->account_count > 50000000) {
        return rs_fail(err, RS_EUSAGE, "accounts must be 100 to 50000000, not %llu",
                       (unsigned long long)o->account_count);
    }
    if (o->nights < 7 || o->nights > 3650) {
        return rs_fail(err, RS_EUSAGE, "nights must be 7 to 3650, not %u", o->nights);
    }
    if (!is_share(o->ring_share, 0.5)) {
        return rs_fail(err, RS_EUSAGE, "ring share must be 0 to 0.5, not %g", o->ring_share);
    }
    if (!is_share(o->known_share, 1)) {
        return rs_fail(err, RS_EUSAGE, "known share must be 0 to 1, not %g", o->known_share);
    }
    if (!is_share(o->blacklist_noise, 0.9)) {
        return rs_fail(err, RS_EUSAGE, "blacklist noise must be 0 to 0.9, not %g",
                       o->blacklist_noise);
    }
    if (o->world != 1 && o->world != 2) {
        return rs_fail(err, RS_EUSAGE, "there are worlds 1 and 2, not %u", o->world);
    }
    if (o->ring_kinds >> RS_RING_KIND_COUNT != 0 || o->lookalikes >> RS_LOOKALIKE_COUNT != 0) {
        return rs_fail(err, RS_EUSAGE, "unknown bit in a mask: ring kinds 0x%x, look-alikes 0x%x",
                       o->ring_kinds, o->lookalikes);
    }
    for (unsigned i = 0; i < RS_HIDING_COUNT; i++) {
        if (o->hiding_weights[i] > 1000) {
            return rs_fail(err, RS_EUSAGE, "hiding weights must be 0 to 1000, not %u",
                           o->hiding_weights[i]);
        }
    }
    return RS_OK;
}

/* ---- folders and files -------------------------------------------------------------------- */

static rs_status make_folder(const char *path, bool *made, rs_error *err)
{
    *made = mkdir(path, 0777) == 0;
    if (!*made && errno != EEXIST) {
        return rs_fail(err, RS_EIO, "cannot make folder \"%s\": %s", path, strerror(errno));
    }
    return RS_OK;
}

static void remove_file(const char *dir, const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (length > 0 && (size_t)length < sizeof path) {
        unlink(path);
    }
}

static rs_status night_path(const struct job *job, uint32_t day, char *path, size_t capacity,
                            rs_error *err)
{
    char date[11];
    rsi_date(day, date);
    int length = snprintf(path, capacity, "%s/night-%s", job->dir, date);
    if (length < 0 || (size_t)length >= capacity) {
        return rs_fail(err, RS_EUSAGE, "folder name too long: \"%.200s...\"", job->dir);
    }
    return RS_OK;
}

/* A data set that is not whole must not look like one. */
static void undo(const struct job *job)
{
    static const char *const others[] = {"blacklist.csv", "whitelist.csv", "truth.csv",
                                         "mapping.json", "README.md"};
    char path[4096];
    for (uint32_t day = 0; day < job->nights_begun; day++) {
        if (night_path(job, day, path, sizeof path, NULL) == RS_OK) {
            for (int t = 0; t < TABLE_COUNT; t++) {
                remove_file(path, table_names[t]);
            }
            rmdir(path);
        }
    }
    for (int t = 0; t < TABLE_COUNT; t++) {
        remove_file(job->dir, table_names[t]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        remove_file(job->dir, others[i]);
    }
    if (job->folder_made) {
        rmdir(job->dir);
    }
}

static rs_status open_sheets(struct job *job, const char *dir, rs_error *err)
{
    rs_status status = RS_OK;
    for (int t = 0; t < TABLE_COUNT; t++) {
        RS_TRY(rsi_sheet_open(&job->sheets[t], dir, table_names[t], err));
        rsi_sheet_text(&job->sheets[t], table_heads[t]);
    }
done:
    return status;
}

static rs_status close_sheets(struct job *job, rs_error *err)
{
    rs_status status = RS_OK;
    for (int t = 0; t < TABLE_COUNT; t++) {
        RS_TRY(rsi_sheet_close(&job->sheets[t], err));
    }
done:
    return status;
}

static rs_status open_night(struct job *job, uint32_t day, rs_error *err)
{
    rs_status status = RS_OK;
    char path[4096];
    bool made = false;
    RS_TRY(night_path(job, day, path, sizeof path, err));
    RS_TRY(make_folder(path, &made, err));
    job->nights_begun = day + 1;
    RS_TRY(open_sheets(job, path, err));
done:
    return status;
}

/* ---- rows as text ------------------------------------------------------------------------- */

#define ROW_BYTES_MAX ((size_t)(3 * RSI_NAME_MAX + 48))

static size_t put_time(char *out, uint32_t second)
{
    uint64_t unix_s = (uint64_t)RSI_FIRST_NIGHT - RSI_HISTORY_DAYS * RSI_DAY_S + second;
    return rsi_put_decimal(out, unix_s);
}

static size_t put_login(const rsi_world *world, const rsi_row *row, char *out)
{
    size_t n = rsi_name_account(world, row->a, out);
    out[n++] = ',';
    n += rsi_name_device(world, row->b, out + n);
    out[n++] = ',';
    n += rsi_name_address(world, row->c, out + n);
    out[n++] = ',';
    n += put_time(out + n, row->second);
    out[n++] = '\n';
    return n;
}

static size_t put_instrument(const rsi_world *world, const rsi_row *row, char *out)
{
    size_t n = rsi_name_account(world, row->a, out);
    out[n++] = ',';
    n += row->b == RSI_NO_THING ? 0 : rsi_name_card(world, row->b, out + n);
    out[n++] = ',';
    n += row->c == RSI_NO_THING ? 0 : rsi_name_phone(world, row->c, out + n);
    out[n++] = ',';
    n += put_time(out + n, row->second);
    out[n++] = '\n';
    return n;
}

static size_t put_payment(const rsi_world *world, const rsi_row *row, char *out)
{
    size_t n = rsi_name_account(world, row->a, out);
    out[n++] = ',';
    n += rsi_name_account(world, row->b, out + n);
    out[n++] = ',';
    n += put_time(out + n, row->second);
    out[n++] = ',';
    n += rsi_put_decimal(out + n, row->c / 100);
    out[n++] = '.';
    out[n++] = (char)('0' + row->c / 10 % 10);
    out[n++] = (char)('0' + row->c % 10);
    out[n++] = '\n';
    return n;
}

static void put_row(struct job *job, enum table table, const rsi_row *row)
{
    rsi_sheet *sheet = &job->sheets[table];
    char *out = rsi_sheet_room(sheet, ROW_BYTES_MAX);
    sheet->used += table == LOGINS        ? put_login(&job->world, row, out)
                   : table == INSTRUMENTS ? put_instrument(&job->world, row, out)
                                          : put_payment(&job->world, row, out);
}

/* ---- slots -------------------------------------------------------------------------------- */

static void add_planned(struct job *job, enum table table, uint32_t to)
{
    const rsi_rows *planned = &job->planned[table];
    size_t *done = &job->planned_done[table];
    for (; *done < planned->count && planned->at[*done].second < to; (*done)++) {
        const rsi_row *row = &planned->at[*done];
        rsi_rows_push(&job->rows[table], row->second, row->a, row->b, row->c);
    }
}

static rs_status write_slot(struct job *job, uint32_t from, uint32_t length, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t *counts[TABLE_COUNT] = {&job->result.login_count, &job->result.instrument_count,
                                     &job->result.payment_count};
    uint64_t shuffle = job->world.options.shuffled ? job->world.keys[RSI_KEY_NAME] | 1 : 0;
    for (int t = 0; t < TABLE_COUNT; t++) {
        rsi_rows *rows = &job->rows[t];
        add_planned(job, (enum table)t, from + length);
        RS_TRY(rsi_rows_sort(rows, from, length, shuffle, err));
        for (size_t i = 0; i < rows->count; i++) {
            put_row(job, (enum table)t, &rows->at[i]);
        }
        *counts[t] += rows->count;
        rows->count = 0;
    }
done:
    return status;
}

static rs_status write_history(struct job *job, rs_error *err)
{
    rs_status status = RS_OK;
    const uint32_t length = 30 * RSI_DAY_S;
    for (uint32_t from = 0; from < RSI_HISTORY_DAYS * RSI_DAY_S; from += length) {
        rsi_people_instruments(&job->world, from, from + length, &job->rows[INSTRUMENTS]);
        RS_TRY(write_slot(job, from, length, err));
    }
done:
    return status;
}

static rs_status write_night(struct job *job, uint32_t day, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t from = (RSI_HISTORY_DAYS + day) * RSI_DAY_S;
    rsi_people_day(&job->world, day, &job->rows[LOGINS], &job->rows[PAYMENTS]);
    rsi_people_instruments(&job->world, from, from + RSI_DAY_S, &job->rows[INSTRUMENTS]);
    RS_TRY(write_slot(job, from, RSI_DAY_S, err));
done:
    return status;
}

static rs_status write_nights(struct job *job, rs_error *err)
{
    rs_status status = RS_OK;
    bool folders = job->world.options.night_folders;
    uint32_t nights = job->world.options.nights;
    if (!folders) {
        RS_TRY(open_sheets(job, job->dir, err));
    }
    for (uint32_t day = 0; day < nights; day++) {
        if (folders) {
            RS_TRY(open_night(job, day, err));
        }
        if (day == 0) {
            RS_TRY(write_history(job, err));
        }
        RS_TRY(write_night(job, day, err));
        if (folders) {
            RS_TRY(close_sheets(job, err));
        }
        RS_TRY(rs_work_report(job->work, "generate", "nights", day + 1, nights, err));
    }
    RS_TRY(close_sheets(job, err));
done:
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static rs_status plan_rows(struct job *job, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_world *world = &job->world;
    for (uint32_t g = 0; g < world->group_count; g++) {
        const rsi_group *group = &world->groups[g];
        if (group->ring) {
            rsi_ring_script(world, group, &job->planned[PAYMENTS], &job->planned[INSTRUMENTS]);
            job->result.ring_account_count += group->size;
        } else {
            rsi_crowd_script(world, group, &job->planned[PAYMENTS]);
            job->result.group_account_count += group->size;
        }
    }
    job->result.ring_count = world->ring_count;
    job->result.group_count = world->group_count - world->ring_count;
    uint32_t span = (RSI_HISTORY_DAYS + world->options.nights + 3) * RSI_DAY_S;
    for (int t = 0; t < TABLE_COUNT; t++) {
        RS_TRY(rsi_rows_sort(&job->planned[t], 0, span, 0, err));
    }
done:
    return status;
}

static rs_status write_files(struct job *job, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(write_nights(job, err));
    RS_TRY(rsi_write_lists(&job->world, job->dir, &job->result, err));
    RS_TRY(rsi_write_mapping(job->dir, err));
    RS_TRY(rsi_write_readme(&job->world, job->dir, &job->result, err));
done:
    return status;
}

static void free_job(struct job *job)
{
    for (int t = 0; t < TABLE_COUNT; t++) {
        rsi_rows_free(&job->planned[t]);
        rsi_rows_free(&job->rows[t]);
        rsi_sheet_abandon(&job->sheets[t]);
    }
    rsi_world_free(&job->world);
    free(job);
}

rs_status rs_generate(const char *dir, const rs_generate_options *options, const rs_work *work,
                      rs_generate_result *result, rs_error *err)
{
    rs_status status = RS_OK;
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (data set)");
    }
    job->dir = dir;
    job->work = work;
    RS_TRY(check_options(options, err));
    RS_TRY(rsi_world_make(&job->world, options, err));
    RS_TRY(plan_rows(job, err));
    RS_TRY(make_folder(dir, &job->folder_made, err));
    RS_TRY(rsi_check_empty(dir, err)); /* files of the same names may be somebody's */
    status = write_files(job, err);
    if (status != RS_OK) {
        undo(job);
    } else if (result != NULL) {
        *result = job->result;
    }
done:
    free_job(job);
    return rs_context(err, status, "generate");
}
