"""Who may enter; written anew in each try."""


def puede_entrar(usuario, sala):
    return usuario.is_staff or usuario == sala.duena
