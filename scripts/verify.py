class VerifyError(Exception): pass
def verify_image(path, plan, out): pass
