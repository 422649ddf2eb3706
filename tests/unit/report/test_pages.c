/* Tests of src/report/pages_*.c: the reader gives back what was written, by number and by key, and
 * finds every change of a byte.
 *
 * WRAP: malloc calloc realloc
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../failing_memory.h"
#include "report/pages.h"

enum { FIRST = 3, SECOND = 900, MANY = 300, FEW = 2 };

typedef struct place {
    char folder[64];
    char path[96];
    int directory;
} place;

static void make_place(place *at)
{
    snprintf(at->folder, sizeof at->folder, "/tmp/rs-pages-%ld", (long)getpid());
    snprintf(at->path, sizeof at->path, "%s/pages", at->folder);
    char command[128];
    snprintf(command, sizeof command, "mkdir -p %s", at->folder);
    assert_int_equal(system(command), 0);
    at->directory = open(at->folder, O_RDONLY | O_DIRECTORY);
    assert_true(at->directory >= 0);
}

static void remove_place(place *at)
{
    unlink(at->path);
    close(at->directory);
    rmdir(at->folder);
}

static rs_status put_page(rsi_pages_writer *writer, uint64_t number, rs_error *err)
{
    uint64_t values[3] = {number, 7, number * number};
    char text[32];
    int length = snprintf(text, sizeof text, "page %llu", (unsigned long long)number);
    rs_status status = rsi_page_column(writer, values, number % 4, err);
    if (status == RS_OK) {
        status = rsi_page_text(writer, text, (size_t)length, number % 2 == 0, err);
    }
    return status == RS_OK ? rsi_page_end(writer, 10 * number, err) : status;
}

static rs_status make_page(void *context, size_t number, unsigned worker, rsi_pages_writer *part,
                           rs_error *err)
{
    const rs_work *work = context;
    assert_true(worker < work->threads);
    return put_page(part, number, err);
}

/* By so many threads; 0: one page after the other. */
static rs_status write_file(const place *at, unsigned threads, rsi_file_ref *ref, rs_error *err)
{
    rsi_pages_writer *writer = NULL;
    rs_work work = {.threads = threads};
    unlink(at->path);
    rs_status status = rsi_pages_create(&writer, at->directory, "pages", 11, err);
    for (uint32_t s = 0; s < 2 && status == RS_OK; s++) {
        size_t count = s == 0 ? MANY : FEW;
        status = rsi_pages_section(writer, s == 0 ? FIRST : SECOND, err);
        if (threads > 0 && status == RS_OK) {
            status = rsi_pages_make(writer, &work, count, make_page, &work, err);
        }
        for (uint64_t i = 0; i < count && threads == 0 && status == RS_OK; i++) {
            status = put_page(writer, i, err);
        }
    }
    if (status == RS_OK) {
        status = rsi_pages_finish(writer, ref, err);
    }
    rsi_pages_close(writer);
    return status;
}

/* Every page as it was written; the first failure. */
static rs_status read_all(const place *at, const rsi_file_ref *ref, rs_error *err)
{
    rsi_pages *pages = NULL;
    const rsi_page *page;
    rs_status status = rsi_pages_open(&pages, at->path, ref->bytes, 11, err);
    for (uint32_t s = 0; s < 2 && status == RS_OK; s++) {
        uint32_t section = s == 0 ? FIRST : SECOND;
        size_t count = s == 0 ? MANY : FEW;
        assert_int_equal(rsi_pages_count(pages, section), count);
        for (size_t i = 0; i < count && status == RS_OK; i++) {
            rsi_pages_expect(pages, section, i);
            status = rsi_pages_get(pages, section, i, 1, &page, err);
            if (status == RS_OK) {
                char text[32];
                snprintf(text, sizeof text, "page %zu", i);
                assert_int_equal(page->counts[0], i % 4);
                assert_true(i % 4 == 0 || page->columns[0][0] == i);
                assert_int_equal(page->text.length, strlen(text));
                assert_memory_equal(page->text.bytes, text, strlen(text));
            }
        }
    }
    rsi_pages_done(pages);
    return status;
}

static void reads_what_was_written(void **state)
{
    (void)state;
    place at;
    rsi_file_ref ref;
    rsi_pages *pages = NULL;
    rs_error err = {0};
    make_place(&at);
    assert_int_equal(write_file(&at, 0, &ref, &err), RS_OK);
    assert_int_equal(read_all(&at, &ref, &err), RS_OK);
    assert_int_equal(rsi_pages_open(&pages, at.path, ref.bytes, 11, &err), RS_OK);
    for (uint64_t key = 0; key < 10 * MANY; key += 3) {
        size_t number = 0;
        assert_int_equal(rsi_pages_seek(pages, FIRST, key, &number, &err), RS_OK);
        assert_int_equal(number, key / 10);
    }
    size_t number = 0;
    const rsi_page *page;
    assert_int_equal(rsi_pages_seek(pages, 4, 0, &number, &err), RS_OK);
    assert_true(number == SIZE_MAX);
    assert_int_equal(rsi_pages_get(pages, FIRST, MANY, 0, &page, &err), RS_ECORRUPT);
    assert_string_equal(err.message, "file \"pages\": section 3, page 300: there is no such page");
    assert_int_equal(rsi_pages_get(pages, SECOND, 1, 2, &page, &err), RS_ECORRUPT);
    assert_non_null(strstr(err.message, "columns are missing"));
    rsi_pages_done(pages);
    remove_place(&at);
}

static void writes_the_same_by_any_number_of_threads(void **state)
{
    (void)state;
    place at;
    rsi_file_ref one, other;
    rs_error err = {0};
    make_place(&at);
    assert_int_equal(write_file(&at, 0, &one, &err), RS_OK);
    for (unsigned threads = 1; threads < 4; threads++) {
        assert_int_equal(write_file(&at, threads, &other, &err), RS_OK);
        assert_memory_equal(&other.digest, &one.digest, sizeof one.digest);
    }
    remove_place(&at);
}

static void finds_every_changed_byte(void **state)
{
    (void)state;
    place at;
    rsi_file_ref ref;
    rs_error err = {0};
    make_place(&at);
    assert_int_equal(write_file(&at, 0, &ref, &err), RS_OK);
    int file = open(at.path, O_RDWR);
    assert_true(file >= 0);
    for (uint64_t i = 0; i < ref.bytes; i += 7) {
        uint8_t byte = 0, changed;
        assert_int_equal(pread(file, &byte, 1, (off_t)i), 1);
        changed = byte ^ 0x10;
        assert_int_equal(pwrite(file, &changed, 1, (off_t)i), 1);
        err = (rs_error){0};
        assert_int_equal(read_all(&at, &ref, &err), RS_ECORRUPT);
        assert_non_null(strstr(err.message, "pages"));
        assert_int_equal(pwrite(file, &byte, 1, (off_t)i), 1);
    }
    close(file);
    assert_int_equal(read_all(&at, &ref, &err), RS_OK);
    remove_place(&at);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    place at;
    rsi_file_ref ref;
    rs_error err = {0};
    make_place(&at);
    for (int which = 0; which < 3; which++) {
        rs_status status = RS_ENOMEM;
        for (long i = 0; status == RS_ENOMEM; i++) {
            allowed = i;
            status = which < 2 ? write_file(&at, (unsigned)which, &ref, &err)
                               : read_all(&at, &ref, &err);
            allowed = -1;
            assert_true(status == RS_OK || status == RS_ENOMEM);
        }
        assert_int_equal(status, RS_OK);
    }
    remove_place(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(writes_the_same_by_any_number_of_threads),
        cmocka_unit_test(finds_every_changed_byte),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("report/pages: it", tests, NULL, NULL);
}
