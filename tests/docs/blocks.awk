# The fenced blocks of a Markdown page: `awk -v folder=DIR -f blocks.awk PAGE` writes the text of the N-th to DIR/N, and prints
#
#     N LINE LANGUAGE WORD ..       the words behind ``` ; tests/docs/test_page.sh says what they mean
#     0 LINE - COMPLAINT            commands that no word is about
function complain(line, text) { print 0, line, "-", text }

function open_block() {
    number++
    begin = FNR
    split(substr($0, 4), words, " ")
    file = folder "/" number
    printf "" > file
    if (words[1] ~ /^(sh|console)$/ && $0 !~ / (run|no-run|file=[^ ]+)( |$)/)
        complain(FNR, "a block of " words[1] " is marked neither run nor no-run")
    print number, FNR, substr($0, 4)
}

/^```/ && !begin { open_block(); next }
/^```$/ && begin { close(file); begin = 0; next }
begin { print > file; next }
/^    ([^ ]*\/)?(wanc|wanrun) / { complain(FNR, "a command in an indented block: use a fence, and mark it run or no-run") }
END { if (begin) complain(begin, "a block without an end") }
