fail = False

if fail:
    raise SystemExit("FAIL")
