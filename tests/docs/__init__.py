"""The documentation: the site builds, every command that a page shows is run, and so is every example.

`fences` reads the pages, `test_site` builds the site, `test_commands` types the commands, `test_examples` executes the
examples, `test_reference` holds the reference against the code. A fence says by its first words how it is run:

    sh                    typed, line by line, in a checkout with the kernel's environment active
    python                cells of one kernel for each page, on asyncio; a `text` fence behind it is what they print
    python trio           cells of a second kernel, on trio
    python interrupted    a cell that is interrupted, and ends with KeyboardInterrupt
    python error          a cell that fails; the `text` fence is the last line of its traceback
    python program        a program
    python config         a configuration file of Jupyter's
    text                  what is printed, what `async-kernel doctor` says (`test_trouble`), or the content of a file
    json, dockerfile      the content of a file; `test_reference` compares the spec

No other fence is allowed, and no block that is only indented: nobody would run it. Commands within sentences are read:
`test_commands` has `async-kernel ...` parsed, and looks for the file or module that `python` and `pytest` are given.
"""
